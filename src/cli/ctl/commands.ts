/** The commands by their rabbitmqctl names: the API requests that each makes, and what it prints. */
import { migration } from '../migrate/command.ts'
import { checks } from './checks.ts'
import { clusterCommands } from './cluster.ts'
import type { Command } from './command.ts'
import { definitions } from './definitions.ts'
import { diagnostics } from './diagnostics.ts'
import { lists } from './lists.ts'
import { messages } from './messages.ts'
import { nodeCommands } from './node.ts'
import { objects, policy } from './objects.ts'
import { parameters } from './parameters.ts'
import { shovels } from './shovels.ts'
import { listenerCommands, queueCommands } from './tools.ts'
import { unavailable } from './unavailable.ts'
import { users } from './users.ts'

export const commands: Readonly<Record<string, Command>> = {
  ...unavailable,
  ...lists,
  ...users,
  ...policy('policies', 'policy', 'policy'),
  ...policy('operator-policies', 'operator_policy', 'operator policy override'),
  ...objects,
  ...definitions,
  ...messages,
  ...parameters,
  ...nodeCommands,
  ...checks,
  ...diagnostics,
  ...queueCommands,
  ...listenerCommands,
  ...shovels,
  ...clusterCommands,
  ...migration,
}
