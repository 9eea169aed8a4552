/** Documents the routes of `routes/health.ts`. */
import type { RouteDoc } from './route-doc.ts'

export const health = {
  'GET healthchecks/node': { summary: 'Whether no alarm is in effect', answer: 'Status' },
  'GET healthchecks/node/:node': { summary: 'Whether no alarm is in effect', answer: 'Status' },
  'GET aliveness-test/:vhost': { summary: 'Whether the vhost exists', answer: 'Status' },
  'GET health/checks/alarms': { summary: '503 if an alarm is in effect', answer: 'Status' },
  'GET health/checks/local-alarms': { summary: '503 if an alarm is in effect', answer: 'Status' },
  'GET health/checks/port-listener/:port': {
    summary: '503 if nothing listens on the port',
    answer: 'Status',
  },
  'GET health/checks/protocol-listener/:protocol': {
    summary: '503 if nothing listens for amqp or amqps',
    answer: 'Status',
  },
  'GET health/checks/below-node-connection-limit': {
    summary: '503 if no more connections are accepted',
    answer: 'Status',
  },
  'GET health/checks/ready-to-serve-clients': { summary: '503 if no listener is open', answer: 'Status' },
  'GET health/checks/virtual-hosts': { summary: 'Whether all vhosts run', answer: 'Status' },
  'GET health/checks/metadata-store/initialized': { summary: 'Whether the store is open', answer: 'Status' },
  'GET health/checks/metadata-store/initialized/with-data': {
    summary: 'Whether the store is open',
    answer: 'Status',
  },
  'GET health/checks/reached-target-cluster-size': {
    summary: 'Whether all nodes are up',
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
    summary: '503 if a certificate expires within that many days, weeks, months or years',
    answer: 'Status',
  },
} as const satisfies { readonly [route: string]: RouteDoc }
