/** Commands on runtime parameters, and on the names and tags of vhosts and the cluster. */
import { withoutPassword } from '../../util/without-passwords.ts'
import { columns } from './columns.ts'
import {
  action,
  arg,
  type Command,
  EXIT_UNAVAILABLE,
  enc,
  existingVhost,
  json,
  list,
  ofExistingVhost,
  orElse,
} from './command.ts'
import type { Row } from './output.ts'

/** rabbitmqctl shows values as JSON in every format, strings included. */
function asJson(p: Row): Row {
  return { ...p, value: JSON.stringify(p['value']) }
}

export const parameters: Record<string, Command> = {
  set_parameter: action(
    '[-p VHOST] COMPONENT NAME JSON',
    'sets a runtime parameter',
    [3, 3],
    (c) =>
      `Setting runtime parameter "${arg(c, 1)}" for component "${arg(c, 0)}" to "${withoutPassword(arg(c, 2))}" in vhost "${c.vhost}" ...`,
    (c) =>
      c.client.call('PUT', `parameters/${enc(arg(c, 0))}/${enc(c.vhost)}/${enc(arg(c, 1))}`, {
        value: json(arg(c, 2), 'the value'),
      }),
  ),
  clear_parameter: action(
    '[-p VHOST] COMPONENT NAME',
    'clears a runtime parameter',
    [2, 2],
    (c) => `Clearing runtime parameter "${arg(c, 1)}" for component "${arg(c, 0)}" on vhost "${c.vhost}" ...`,
    (c) =>
      orElse(
        c.client.call('DELETE', `parameters/${enc(arg(c, 0))}/${enc(c.vhost)}/${enc(arg(c, 1))}`),
        'Parameter does not exist',
        EXIT_UNAVAILABLE,
      ),
  ),
  list_parameters: {
    ...list('runtime parameters', () => 'parameters', [], columns.parameters),
    banner: (c) => `Listing runtime parameters for vhost "${c.vhost}" ...`,
    run: async (c) => {
      await existingVhost(c)
      const all = await c.client.get<Record<string, unknown>[]>('parameters')
      const shown = c.args.length > 0 ? c.args : ['component', 'name', 'value']
      return { rows: all.filter((p) => p['vhost'] === c.vhost).map(asJson), columns: shown }
    },
  },
  set_global_parameter: action(
    'NAME JSON',
    'sets a global parameter',
    [2, 2],
    (c) => `Setting global runtime parameter "${arg(c, 0)}" to "${withoutPassword(arg(c, 1))}" ...`,
    (c) =>
      c.client.call('PUT', `global-parameters/${enc(arg(c, 0))}`, { value: json(arg(c, 1), 'the value') }),
  ),
  clear_global_parameter: action(
    'NAME',
    'removes a global parameter',
    [1, 1],
    (c) => `Clearing global runtime parameter "${arg(c, 0)}" ...`,
    (c) =>
      orElse(
        c.client.call('DELETE', `global-parameters/${enc(arg(c, 0))}`),
        'Parameter does not exist',
        EXIT_UNAVAILABLE,
      ),
  ),
  list_global_parameters: list(
    'global runtime parameters',
    () => 'global-parameters',
    ['name', 'value'],
    columns.globalParameters,
    asJson,
  ),
  set_cluster_name: action(
    'NAME',
    'sets the name of the cluster',
    [1, 1],
    (c) => `Setting cluster name to ${arg(c, 0)} ...`,
    (c) => c.client.call('PUT', 'cluster-name', { name: arg(c, 0) }),
  ),
  set_vhost_tags: action(
    'VHOST [TAG ...]',
    'replaces the tags of a vhost',
    [1, Number.POSITIVE_INFINITY],
    (c) => `Setting tags for vhost "${arg(c, 0)}" to [${c.args.slice(1).join(', ')}] ...`,
    async (c) => {
      const path = `vhosts/${enc(arg(c, 0))}`
      await ofExistingVhost(arg(c, 0), c.client.get(path))
      await c.client.call('PUT', path, { tags: c.args.slice(1) })
    },
  ),
  update_vhost_metadata: action(
    '[--description TEXT] [--tags A,B] [--default-queue-type TYPE] [--protected-from-deletion BOOL] VHOST',
    'changes the description, tags, default queue type or deletion protection of a vhost',
    [1, 1],
    (c) => `Updating metadata of vhost "${arg(c, 0)}" ...`,
    async (c) => {
      const { description, tags } = c.options
      const type = c.options['default-queue-type']
      const path = `vhosts/${enc(arg(c, 0))}`
      await ofExistingVhost(arg(c, 0), c.client.get(path))
      const keep = c.options['protected-from-deletion']
      await c.client.call('PUT', path, {
        ...(description === undefined ? {} : { description }),
        ...(typeof tags === 'string' ? { tags: tags.split(',') } : {}),
        ...(type === undefined ? {} : { default_queue_type: type }),
      })
      if (keep !== undefined)
        await (keep === 'true'
          ? c.client.call('POST', `${path}/deletion/protection`, {})
          : c.client.call('DELETE', `${path}/deletion/protection`))
    },
    ['description', 'tags', 'default-queue-type', 'protected-from-deletion'],
  ),
  enable_vhost_deletion_protection: action(
    'VHOST',
    'protects a vhost from deletion',
    [1, 1],
    (c) => `Protecting vhost "${arg(c, 0)}" from deletion ...`,
    (c) =>
      ofExistingVhost(arg(c, 0), c.client.call('POST', `vhosts/${enc(arg(c, 0))}/deletion/protection`, {})),
  ),
  disable_vhost_deletion_protection: action(
    'VHOST',
    'removes the deletion protection of a vhost',
    [1, 1],
    (c) => `Removing the protection of vhost "${arg(c, 0)}" ...`,
    (c) =>
      ofExistingVhost(arg(c, 0), c.client.call('DELETE', `vhosts/${enc(arg(c, 0))}/deletion/protection`)),
  ),
}
