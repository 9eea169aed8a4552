/** Keys for the initial content of a new data folder and of new vhosts. */
import { octets } from '../util/sizes.ts'
import type { Apply } from './config-builder.ts'
import { boolean, duration, integer, name, oneOf, pattern, secret } from './values.ts'

const right =
  (which: 'configure' | 'write' | 'read'): Apply =>
  (d, v) => {
    d.defaultUser[which] = pattern(v)
  }

const userRight =
  (which: 'configure' | 'write' | 'read' | 'vhostPattern'): Apply =>
  (d, v, [user = '']) => {
    d.vhostUser(user)[which] = pattern(v)
  }

const limit =
  (which: 'max-connections' | 'max-queues'): Apply =>
  (d, v, [id = '']) => {
    d.vhostLimit(id).limits[which] = integer(v, -1)
  }

const policy =
  (which: string, value: (text: string) => number): Apply =>
  (d, v, [id = '']) => {
    d.vhostPolicy(id).definition[which] = value(v)
  }

export const defaultsKeys: Readonly<Record<string, Apply>> = {
  default_user: (d, v) => {
    d.defaultUser.name = name(v)
  },
  default_pass: (d, v) => {
    d.defaultUser.password = secret(v)
  },
  default_vhost: (d, v) => {
    d.defaultVhost = name(v)
  },
  'default_user_tags.*': (d, v, [tag = '']) => {
    d.defaultUser.tags.delete(tag)
    if (boolean(v)) d.defaultUser.tags.add(tag)
  },
  'default_permissions.configure': right('configure'),
  'default_permissions.write': right('write'),
  'default_permissions.read': right('read'),
  'default_users.*.vhost_pattern': userRight('vhostPattern'),
  'default_users.*.configure': userRight('configure'),
  'default_users.*.write': userRight('write'),
  'default_users.*.read': userRight('read'),
  'default_users.*.password': (d, v, [user = '']) => {
    d.vhostUser(user).password = secret(v)
  },
  'default_users.*.tags': (d, v, [user = '']) => {
    d.vhostUser(user).tags = v.split(',').flatMap((t) => (t.trim() === '' ? [] : [t.trim()]))
  },
  'default_limits.vhosts.*.pattern': (d, v, [id = '']) => {
    d.vhostLimit(id).pattern = pattern(v)
  },
  'default_limits.vhosts.*.max_connections': limit('max-connections'),
  'default_limits.vhosts.*.max_queues': limit('max-queues'),
  'default_policies.operator.*.vhost_pattern': (d, v, [id = '']) => {
    d.vhostPolicy(id).vhostPattern = pattern(v)
  },
  'default_policies.operator.*.queue_pattern': (d, v, [id = '']) => {
    d.vhostPolicy(id).pattern = pattern(v)
  },
  'default_policies.operator.*.apply_to': (d, v, [id = '']) => {
    d.vhostPolicy(id).applyTo = oneOf(v, ['queues', 'classic_queues', 'quorum_queues', 'streams'])
  },
  'default_policies.operator.*.expires': policy('expires', duration),
  'default_policies.operator.*.message_ttl': policy('message-ttl', duration),
  'default_policies.operator.*.max_length': policy('max-length', (v) => integer(v)),
  'default_policies.operator.*.max_length_bytes': policy('max-length-bytes', octets),
  'default_policies.operator.*.delivery_limit': policy('delivery-limit', (v) => integer(v)),
}
