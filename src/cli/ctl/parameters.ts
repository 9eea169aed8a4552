/** Runtime parameters, and names and marks of vhosts and the cluster. */
import { withoutPassword } from '../../util/without-passwords.ts'
import { action, arg, type Command, enc, json, list } from './command.ts'

export const parameters: Record<string, Command> = {
  set_parameter: action(
    '[-p VHOST] COMPONENT NAME JSON',
    'keeps a parameter of a feature that is not there',
    [3, 3],
    (c) => `Setting runtime parameter "${arg(c, 1)}" for component "${arg(c, 0)}" ...`,
    (c) =>
      c.client.call('PUT', `parameters/${enc(arg(c, 0))}/${enc(c.vhost)}/${enc(arg(c, 1))}`, {
        value: json(arg(c, 2), 'the value'),
      }),
  ),
  clear_parameter: action(
    '[-p VHOST] COMPONENT NAME',
    'removes a parameter',
    [2, 2],
    (c) => `Clearing runtime parameter "${arg(c, 1)}" for component "${arg(c, 0)}" on vhost "${c.vhost}" ...`,
    (c) => c.client.call('DELETE', `parameters/${enc(arg(c, 0))}/${enc(c.vhost)}/${enc(arg(c, 1))}`),
  ),
  list_parameters: {
    ...list('runtime parameters', () => 'parameters', ['component', 'name', 'value']),
    run: async (c) => {
      const all = await c.client.get<Record<string, unknown>[]>('parameters')
      return { rows: all.filter((p) => p['vhost'] === c.vhost), columns: ['component', 'name', 'value'] }
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
    (c) => c.client.call('DELETE', `global-parameters/${enc(arg(c, 0))}`),
  ),
  list_global_parameters: list('global runtime parameters', () => 'global-parameters', ['name', 'value']),
  set_cluster_name: action(
    'NAME',
    'names the cluster',
    [1, 1],
    (c) => `Setting cluster name to ${arg(c, 0)} ...`,
    (c) => c.client.call('PUT', 'cluster-name', { name: arg(c, 0) }),
  ),
  set_vhost_tags: action(
    'VHOST [TAG ...]',
    'gives a vhost these tags and no others',
    [1, 20],
    (c) => `Setting tags for vhost "${arg(c, 0)}" to [${c.args.slice(1).join(', ')}] ...`,
    (c) => c.client.call('PUT', `vhosts/${enc(arg(c, 0))}`, { tags: c.args.slice(1) }),
  ),
  enable_vhost_deletion_protection: action(
    'VHOST',
    'keeps a vhost from being deleted',
    [1, 1],
    (c) => `Protecting vhost "${arg(c, 0)}" from deletion ...`,
    (c) => c.client.call('POST', `vhosts/${enc(arg(c, 0))}/deletion/protection`, {}),
  ),
  disable_vhost_deletion_protection: action(
    'VHOST',
    'lets a vhost be deleted again',
    [1, 1],
    (c) => `Removing the protection of vhost "${arg(c, 0)}" ...`,
    (c) => c.client.call('DELETE', `vhosts/${enc(arg(c, 0))}/deletion/protection`),
  ),
}
