/** A node in this process that has its broker from the start, with the broker's parts at hand. */
import type { Broker } from '../../src/broker/broker.ts'
import type { Settings } from '../../src/config/settings.ts'
import type { Server } from '../../src/connection/server.ts'
import type { Model } from '../../src/model/model.ts'
import type { ActiveBroker } from '../../src/node/active-broker.ts'
import type { BrokerNode } from '../../src/node/node.ts'
import { startNode } from '../../src/node/start.ts'
import type { Users } from '../../src/security/users.ts'
import type { GroupCommit } from '../../src/storage/batch.ts'
import type { Loggers } from '../../src/util/logger.ts'

export class RunningNode {
  readonly node: BrokerNode
  readonly model: Model
  readonly server: Server
  readonly broker: Broker
  readonly users: Users
  readonly commit: GroupCommit

  private constructor(node: BrokerNode) {
    const { model, server } = node.active as ActiveBroker
    this.node = node
    this.model = model
    this.server = server
    this.broker = model.broker
    this.users = model.users
    this.commit = model.commit
  }

  static async start(settings: Settings, loggers: Loggers): Promise<RunningNode> {
    return new RunningNode(await startNode(settings, loggers))
  }

  get settings(): Settings {
    return this.node.settings
  }

  get ports(): readonly number[] {
    return this.node.ports
  }

  get managementPort(): number | undefined {
    return this.node.managementPort
  }

  get metricsPort(): number | undefined {
    return this.node.metricsPort
  }

  reload(settings: Settings): void {
    this.node.reload(settings)
  }

  close(): Promise<void> {
    return this.node.close()
  }
}
