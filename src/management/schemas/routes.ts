/** What each route of the HTTP API is for, takes and answers: the source of /api/openapi.json, and of the checks of bodies. */
import type { answers } from './answers.ts'
import type { requests } from './requests.ts'

export interface RouteDoc {
  readonly summary: string
  /** The schema that a body has to fit. */
  readonly body?: keyof typeof requests
  /** What comes back; absent = nothing. */
  readonly answer?: keyof typeof answers
  /** A list of them; `pages`: with pages, filters, sorting and columns. */
  readonly list?: 'all' | 'pages'
  /** Parameters of the query, and what they mean. */
  readonly query?: { readonly [name: string]: string }
  /** A POST that answers 201. */
  readonly creates?: true
}

export const queries = {
  pages: {
    page: 'number of the page, from 1; without it the answer is the whole list',
    page_size: 'at most 500',
    name: 'a part of the name',
    use_regex: 'true: name is a regular expression',
    sort: 'a column',
    sort_reverse: 'true: the other way round',
    columns: 'names of columns, with commas between them',
  },
  deletion: { 'if-empty': 'true: only without messages', 'if-unused': 'true: only without consumers' },
  exchangeDeletion: { 'if-unused': 'true: only without bindings' },
  peek: {
    offset: 'messages to step over, of those that fit',
    count: 'messages at most',
    state: 'ready or unacked',
    header: 'NAME=VALUE',
    older_than: 'seconds',
    newer_than: 'seconds',
    encoding: 'auto or base64',
    truncate: 'octets of the payload, at most',
  },
  tail: {
    limit: 'messages, 1 to 1000; 100 where it is absent',
    seconds: 'at most, 1 to 600; where it is absent 1, and 600 of events',
    encoding: 'auto or base64',
    truncate: 'octets of the payload, at most',
  },
  exchangeTail: {
    key: 'as a binding of a topic exchange: words, * and #',
    limit: 'messages, 1 to 1000; 100 where it is absent',
    seconds: 'at most, 1 to 600; where it is absent 1, and 600 of events',
    encoding: 'auto or base64',
    truncate: 'octets of the payload, at most',
  },
} as const

const docs: { readonly [route: string]: RouteDoc } = {
  'GET overview': { summary: 'What the broker is and does', answer: 'Overview' },
  'GET cluster-name': { summary: 'The name of the cluster', answer: 'Name' },
  'PUT cluster-name': { summary: 'Names the cluster', body: 'NameRequest' },
  'GET nodes': { summary: 'The nodes: one', answer: 'Node', list: 'all' },
  'GET nodes/:node': { summary: 'One node', answer: 'Node' },
  'PUT nodes/:node/limits': {
    summary: 'Sets the limits of memory and free disk, until the next start',
    body: 'NodeLimits',
  },
  'POST nodes/:node/stop_app': { summary: 'Closes the listeners of AMQP' },
  'POST nodes/:node/start_app': { summary: 'Opens them again' },
  'POST nodes/:node/shutdown': { summary: 'Ends the process of the broker' },
  'GET whoami': { summary: 'The user of this request', answer: 'Whoami' },
  'GET extensions': { summary: 'Extensions of the HTTP API: none', answer: 'Nothing' },
  'GET auth': { summary: 'How to log in', answer: 'Auth' },
  'GET version': { summary: 'The version told to clients', answer: 'Version' },
  'GET feature-flags': { summary: 'Feature flags, all on', answer: 'FeatureFlag', list: 'all' },
  'PUT feature-flags/:name/enable': { summary: 'Nothing to do: they are on', body: 'EmptyRequest' },
  'GET deprecated-features': {
    summary: 'Features that RabbitMQ will not have for ever',
    answer: 'DeprecatedFeature',
    list: 'all',
  },
  'GET deprecated-features/used': {
    summary: 'Those that are in use',
    answer: 'DeprecatedFeature',
    list: 'all',
  },
  'GET auth/hash_password/:password': { summary: "RabbitMQ's hash of a password", answer: 'HashedPassword' },
  'GET auth/attempts/:node': { summary: 'Logins by protocol', answer: 'LoginAttempts', list: 'all' },
  'GET auth/attempts/:node/source': { summary: 'By source: not counted', answer: 'Nothing' },
  'DELETE auth/attempts/:node': { summary: 'Counts logins from 0 again' },
  'DELETE auth/attempts/:node/source': { summary: 'Counts logins from 0 again' },
  'DELETE reset': { summary: 'Forgets rates and samples' },
  'DELETE reset/:node': { summary: 'Forgets rates and samples' },
  'GET nodes/:node/memory': { summary: 'What memory is for, in octets', answer: 'NodeMemory' },
  'GET nodes/:node/memory/relative': { summary: 'What memory is for, in percent', answer: 'NodeMemory' },
  ...Object.fromEntries(
    ['ets', 'ets/relative', 'ets/:filter', 'ets/:filter/relative'].map((path) => [
      `GET nodes/:node/memory/${path}`,
      { summary: "Erlang's tables: none", answer: 'NoTables' } as const,
    ]),
  ),
  'GET queues/quorum/:vhost/:name/status': {
    summary: 'The one replica of a quorum queue',
    answer: 'Replica',
    list: 'all',
  },
  'POST queues/quorum/:vhost/:name/replicas/add': {
    summary: 'Nothing to do: the node has a replica',
    body: 'ReplicaRequest',
  },
  'DELETE queues/quorum/:vhost/:name/replicas/delete': {
    summary: 'Refused: it would be the last one',
    body: 'ReplicaRequest',
  },
  'POST queues/quorum/replicas/on/:node/grow': {
    summary: 'Nothing to do: the node has replicas of all quorum queues',
    body: 'GrowRequest',
  },
  'DELETE queues/quorum/replicas/on/:node/shrink': { summary: 'Nothing to do: they would be the last ones' },
  'GET healthchecks/node': { summary: 'Whether no alarm is on', answer: 'Status' },
  'GET healthchecks/node/:node': { summary: 'Whether no alarm is on', answer: 'Status' },
  'POST rebalance/queues': { summary: 'Nothing to do on one node' },
  'GET aliveness-test/:vhost': { summary: 'Whether the vhost is there', answer: 'Status' },
  'GET health/checks/alarms': { summary: '503 while an alarm is on', answer: 'Status' },
  'GET health/checks/local-alarms': { summary: '503 while an alarm is on', answer: 'Status' },
  'GET health/checks/port-listener/:port': {
    summary: '503 where nothing listens on the port',
    answer: 'Status',
  },
  'GET health/checks/protocol-listener/:protocol': {
    summary: '503 where nothing listens for amqp or amqps',
    answer: 'Status',
  },
  'GET health/checks/below-node-connection-limit': {
    summary: '503 where no more connections are taken',
    answer: 'Status',
  },
  'GET health/checks/ready-to-serve-clients': { summary: '503 where no listener is open', answer: 'Status' },
  'GET health/checks/virtual-hosts': { summary: 'Whether all vhosts run', answer: 'Status' },
  'GET health/checks/metadata-store/initialized': { summary: 'Whether the store is open', answer: 'Status' },
  'GET health/checks/metadata-store/initialized/with-data': {
    summary: 'Whether the store is open',
    answer: 'Status',
  },
  'GET health/checks/reached-target-cluster-size': {
    summary: 'Whether all nodes are there',
    answer: 'Status',
  },
  'GET health/checks/quorum-queues-without-elected-leaders/all-vhosts/pattern/:pattern': {
    summary: 'Whether some quorum queues have leaders',
    answer: 'Status',
  },
  'GET health/checks/quorum-queues-without-elected-leaders/vhost/:vhost/pattern/:pattern': {
    summary: 'Whether some quorum queues of a vhost have leaders',
    answer: 'Status',
  },
  'GET health/checks/quorum-queues-without-elected-leaders/all-vhosts': {
    summary: 'Whether all quorum queues have leaders',
    answer: 'Status',
  },
  'GET health/checks/quorum-queues-without-elected-leaders/vhost/:vhost': {
    summary: 'Whether the quorum queues of a vhost have leaders',
    answer: 'Status',
  },
  'GET health/checks/node-is-quorum-critical': { summary: 'Whether the node may stop', answer: 'Status' },
  'GET health/checks/node-is-mirror-sync-critical': {
    summary: 'Whether the node may stop',
    answer: 'Status',
  },
  'GET health/checks/is-in-service': { summary: 'Whether the node is in service', answer: 'Status' },
  'GET health/checks/certificate-expiration/:within/:unit': {
    summary: '503 where a certificate expires within so many days, weeks, months or years',
    answer: 'Status',
  },
  'GET vhosts': { summary: 'Virtual hosts', answer: 'Vhost', list: 'pages' },
  'GET vhosts/:vhost': { summary: 'One vhost', answer: 'Vhost' },
  'PUT vhosts/:vhost': { summary: 'Makes or changes a vhost', body: 'VhostRequest' },
  'DELETE vhosts/:vhost': { summary: 'Deletes a vhost with everything in it; 412 where it is protected' },
  'POST vhosts/:vhost/deletion/protection': { summary: 'Protects a vhost from deletion' },
  'DELETE vhosts/:vhost/deletion/protection': { summary: 'Ends the protection' },
  'POST vhosts/:vhost/start/:node': { summary: 'Nothing to do: vhosts run' },
  'GET vhost-limits': { summary: 'Limits of vhosts', answer: 'VhostLimits', list: 'all' },
  'GET vhost-limits/:vhost': { summary: 'Limits of a vhost', answer: 'VhostLimits', list: 'all' },
  'PUT vhost-limits/:vhost/:name': { summary: 'Sets max-connections or max-queues', body: 'LimitRequest' },
  'DELETE vhost-limits/:vhost/:name': { summary: 'Removes a limit' },
  'GET users': { summary: 'Users', answer: 'User', list: 'pages' },
  'GET users/without-permissions': {
    summary: 'Users without a permission anywhere',
    answer: 'User',
    list: 'all',
  },
  'POST users/bulk-delete': { summary: 'Deletes users', body: 'UserNames' },
  'POST users/tags': { summary: 'Sets the tags of a user', body: 'UserTags' },
  'POST users/:user/authenticate': {
    summary: 'Whether the password is right',
    body: 'PasswordRequest',
    answer: 'Authenticated',
  },
  'GET users/:user': { summary: 'One user', answer: 'User' },
  'PUT users/:user': { summary: 'Makes or changes a user', body: 'UserRequest' },
  'DELETE users/:user': { summary: 'Deletes a user' },
  'GET permissions': { summary: 'Permissions', answer: 'Permission', list: 'all' },
  'GET vhosts/:vhost/permissions': { summary: 'Permissions in a vhost', answer: 'Permission', list: 'all' },
  'GET users/:user/queues': {
    summary: 'Exclusive queues of the connections of a user',
    answer: 'Queue',
    list: 'pages',
  },
  'GET users/:user/permissions': { summary: 'Permissions of a user', answer: 'Permission', list: 'all' },
  'GET topic-permissions': { summary: 'Topic permissions', answer: 'TopicPermission', list: 'all' },
  'GET vhosts/:vhost/topic-permissions': {
    summary: 'Topic permissions in a vhost',
    answer: 'TopicPermission',
    list: 'all',
  },
  'GET users/:user/topic-permissions': {
    summary: 'Topic permissions of a user',
    answer: 'TopicPermission',
    list: 'all',
  },
  'GET permissions/:vhost/:user': { summary: 'Permissions of a user in a vhost', answer: 'Permission' },
  'PUT permissions/:vhost/:user': { summary: 'Sets them', body: 'PermissionRequest' },
  'DELETE permissions/:vhost/:user': { summary: 'Removes them' },
  'GET topic-permissions/:vhost/:user': {
    summary: 'Topic permissions of a user in a vhost',
    answer: 'TopicPermission',
    list: 'all',
  },
  'PUT topic-permissions/:vhost/:user': {
    summary: 'Sets those of one exchange',
    body: 'TopicPermissionRequest',
  },
  'DELETE topic-permissions/:vhost/:user': { summary: 'Removes them all' },
  'GET topic-permissions/:vhost/:user/:exchange': {
    summary: 'Topic permissions of a user for one exchange',
    answer: 'TopicPermission',
    list: 'all',
  },
  'PUT topic-permissions/:vhost/:user/:exchange': {
    summary: 'Sets those of the exchange in the body',
    body: 'TopicPermissionRequest',
  },
  'DELETE topic-permissions/:vhost/:user/:exchange': { summary: 'Removes those of one exchange' },
  'GET user-limits': { summary: 'Limits of users', answer: 'UserLimits', list: 'all' },
  'GET user-limits/:user': { summary: 'Limits of a user', answer: 'UserLimits', list: 'all' },
  'PUT user-limits/:user/:name': { summary: 'Sets max-connections or max-channels', body: 'LimitRequest' },
  'DELETE user-limits/:user/:name': { summary: 'Removes a limit' },
  'GET queues': { summary: 'Queues', answer: 'Queue', list: 'pages' },
  'GET queues/detailed': { summary: 'Queues', answer: 'Queue', list: 'pages' },
  'GET queues/:vhost': { summary: 'Queues of a vhost', answer: 'Queue', list: 'pages' },
  'GET queues/:vhost/:name': { summary: 'One queue, with its consumers', answer: 'QueueDetails' },
  'PUT queues/:vhost/:name': { summary: 'Declares a queue', body: 'QueueRequest' },
  'DELETE queues/:vhost/:name': { summary: 'Deletes a queue', query: queries.deletion },
  'GET queues/:vhost/:name/bindings': { summary: 'Bindings of a queue', answer: 'Binding', list: 'all' },
  'DELETE queues/:vhost/:name/contents': { summary: 'Purges a queue' },
  'POST queues/:vhost/:name/actions': { summary: 'Nothing to do: there are no mirrors', body: 'QueueAction' },
  'POST queues/:vhost/:name/get': {
    summary: 'Takes messages, and settles them as asked',
    body: 'GetRequest',
    answer: 'Message',
    list: 'all',
  },
  'GET queues/:vhost/:name/peek': {
    summary: 'Looks at messages, ready and unacknowledged, without taking or reordering them',
    answer: 'PeekedMessage',
    list: 'all',
    query: queries.peek,
  },
  'POST queues/:vhost/:name/redrive': {
    summary: 'Moves dead letters back to where they came from',
    body: 'RedriveRequest',
    answer: 'Redriven',
  },
  'GET queues/:vhost/:name/diagnosis': {
    summary: 'How a queue is, and why, in sentences with codes; the most urgent first',
    answer: 'Diagnosis',
  },
  'GET queues/:vhost/:name/tail': {
    summary:
      'Messages of a queue as they are published and delivered; as server-sent events to whoever accepts text/event-stream',
    query: queries.tail,
    answer: 'Tail',
  },
  'GET exchanges': { summary: 'Exchanges', answer: 'Exchange', list: 'pages' },
  'GET exchanges/:vhost': { summary: 'Exchanges of a vhost', answer: 'Exchange', list: 'pages' },
  'GET exchanges/:vhost/:name': { summary: 'One exchange', answer: 'Exchange' },
  'PUT exchanges/:vhost/:name': { summary: 'Declares an exchange', body: 'ExchangeRequest' },
  'DELETE exchanges/:vhost/:name': { summary: 'Deletes an exchange', query: queries.exchangeDeletion },
  'GET exchanges/:vhost/:name/bindings/source': {
    summary: 'Bindings from an exchange',
    answer: 'Binding',
    list: 'all',
  },
  'GET exchanges/:vhost/:name/bindings/destination': {
    summary: 'Bindings to an exchange',
    answer: 'Binding',
    list: 'all',
  },
  'POST exchanges/:vhost/:name/publish': {
    summary: 'Publishes a message',
    body: 'PublishRequest',
    answer: 'Routed',
  },
  'POST exchanges/:vhost/:name/route': {
    summary: 'Which queues a message would go to, and through which exchanges; nothing is published',
    body: 'RouteRequest',
    answer: 'Trial',
  },
  'GET exchanges/:vhost/:name/tail': {
    summary:
      'Messages of an exchange as they are published; as server-sent events to whoever accepts text/event-stream',
    query: queries.exchangeTail,
    answer: 'Tail',
  },
  'GET bindings': { summary: 'Bindings', answer: 'Binding', list: 'pages' },
  'GET bindings/:vhost': { summary: 'Bindings of a vhost', answer: 'Binding', list: 'pages' },
  'GET bindings/:vhost/e/:source/q/:destination': {
    summary: 'Bindings between an exchange and a queue',
    answer: 'Binding',
    list: 'all',
  },
  'POST bindings/:vhost/e/:source/q/:destination': {
    summary: 'Binds; the header Location says where the binding is',
    body: 'BindingRequest',
    creates: true,
  },
  'GET bindings/:vhost/e/:source/q/:destination/:props': { summary: 'One binding', answer: 'Binding' },
  'DELETE bindings/:vhost/e/:source/q/:destination/:props': { summary: 'Unbinds' },
  'GET bindings/:vhost/e/:source/e/:destination': {
    summary: 'Bindings between two exchanges',
    answer: 'Binding',
    list: 'all',
  },
  'POST bindings/:vhost/e/:source/e/:destination': {
    summary: 'Binds; the header Location says where the binding is',
    body: 'BindingRequest',
    creates: true,
  },
  'GET bindings/:vhost/e/:source/e/:destination/:props': { summary: 'One binding', answer: 'Binding' },
  'DELETE bindings/:vhost/e/:source/e/:destination/:props': { summary: 'Unbinds' },
  'GET policies': { summary: 'Policies', answer: 'Policy', list: 'all' },
  'GET policies/:vhost': { summary: 'Policies of a vhost', answer: 'Policy', list: 'all' },
  'GET policies/:vhost/:name': { summary: 'One policy', answer: 'Policy' },
  'PUT policies/:vhost/:name': { summary: 'Sets a policy', body: 'PolicyRequest' },
  'DELETE policies/:vhost/:name': { summary: 'Removes a policy' },
  'GET operator-policies': { summary: 'Operator policies', answer: 'Policy', list: 'all' },
  'GET operator-policies/:vhost': { summary: 'Operator policies of a vhost', answer: 'Policy', list: 'all' },
  'GET operator-policies/:vhost/:name': { summary: 'One operator policy', answer: 'Policy' },
  'PUT operator-policies/:vhost/:name': { summary: 'Sets an operator policy', body: 'PolicyRequest' },
  'DELETE operator-policies/:vhost/:name': { summary: 'Removes an operator policy' },
  'GET connections': { summary: 'Open connections', answer: 'Connection', list: 'pages' },
  'GET vhosts/:vhost/connections': {
    summary: 'Open connections to a vhost',
    answer: 'Connection',
    list: 'pages',
  },
  'GET connections/:name': { summary: 'One connection', answer: 'Connection' },
  'DELETE connections/:name': { summary: 'Closes a connection, with the reason in the header X-Reason' },
  'GET connections/:name/channels': { summary: 'Channels of a connection', answer: 'Channel', list: 'pages' },
  'GET connections/username/:user': { summary: 'Connections of a user', answer: 'Connection', list: 'pages' },
  'GET connections/:name/sessions': { summary: 'Sessions of AMQP 1.0: none', answer: 'Nothing' },
  'DELETE connections/username/:user': { summary: 'Closes all connections of a user' },
  'GET channels': { summary: 'Channels', answer: 'Channel', list: 'pages' },
  'GET vhosts/:vhost/channels': { summary: 'Channels in a vhost', answer: 'Channel', list: 'pages' },
  'GET channels/:name': { summary: 'One channel, with its consumers', answer: 'ChannelDetails' },
  'GET consumers': { summary: 'Consumers', answer: 'Consumer', list: 'pages' },
  'GET consumers/:vhost': { summary: 'Consumers in a vhost', answer: 'Consumer', list: 'pages' },
  'GET parked-messages': {
    summary:
      'Messages that the broker cannot handle and has set aside; an empty queue = of a delayed exchange',
    answer: 'ParkedMessage',
    list: 'all',
  },
  'GET parked-messages/:vhost': { summary: 'Those of a vhost', answer: 'ParkedMessage', list: 'all' },
  'GET quarantined-objects': {
    summary: 'Stored objects that could not be read or used at the start: kept, and not served',
    answer: 'QuarantinedObject',
    list: 'all',
  },
  'POST queues/:vhost/:name/release': {
    summary: 'Makes the messages of a queue that were set aside ready again',
    answer: 'Released',
  },
  'GET definitions': { summary: 'Everything but messages', answer: 'Definitions' },
  'POST definitions': { summary: 'Loads definitions; what exists stays', body: 'DefinitionsRequest' },
  'GET all-configuration': { summary: 'Everything but messages', answer: 'Definitions' },
  'POST all-configuration': { summary: 'Loads definitions; what exists stays', body: 'DefinitionsRequest' },
  'GET definitions/:vhost': { summary: 'What is in a vhost, but messages', answer: 'Definitions' },
  'POST definitions/:vhost': { summary: 'Loads definitions into a vhost', body: 'DefinitionsRequest' },
  'GET parameters': {
    summary:
      'Operator policies, limits of vhosts, and parameters of features that are not there, kept without effect',
    answer: 'Parameter',
    list: 'all',
  },
  'GET parameters/:component': { summary: 'Those of one feature', answer: 'Parameter', list: 'all' },
  'GET parameters/:component/:vhost': {
    summary: 'Those of one feature in a vhost',
    answer: 'Parameter',
    list: 'all',
  },
  'GET parameters/:component/:vhost/:name': { summary: 'One parameter', answer: 'Parameter' },
  'PUT parameters/:component/:vhost/:name': {
    summary: 'Sets or keeps a parameter',
    body: 'ParameterRequest',
  },
  'DELETE parameters/:component/:vhost/:name': { summary: 'Removes a parameter' },
  'GET global-parameters': { summary: 'Global parameters', answer: 'GlobalParameter', list: 'all' },
  'GET global-parameters/:name': { summary: 'One global parameter', answer: 'GlobalParameter' },
  'PUT global-parameters/:name': { summary: 'Sets a global parameter', body: 'ParameterRequest' },
  'DELETE global-parameters/:name': { summary: 'Removes a global parameter' },
}

/** @throws Error for a route without a row */
export function routeDoc(method: string, path: string): RouteDoc {
  const doc = docs[`${method} ${path}`]
  if (doc === undefined) throw new Error(`no description of ${method} ${path}`)
  return doc
}
