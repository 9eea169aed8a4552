/** The server properties of connection.start, by which clients choose their behaviour (behaviour.md section 22). */
import type { Identity } from '../model/identity.ts'
import { FieldTable } from '../protocol/field-table.ts'
import { version } from '../util/version.ts'

const capabilities = {
  publisher_confirms: true,
  exchange_exchange_bindings: true,
  'basic.nack': true,
  consumer_cancel_notify: true,
  'connection.blocked': true,
  consumer_priorities: true,
  authentication_failure_close: true,
  per_consumer_qos: true,
  direct_reply_to: true,
}

export function serverProperties(identity: Identity): FieldTable {
  return FieldTable.from({
    capabilities,
    cluster_name: identity.clusterName,
    copyright: 'Copyright (c) the Leveret authors',
    information: 'Licensed under the MIT License',
    platform: `Leveret ${version} on Node.js ${process.versions.node}`,
    product: identity.product,
    version: identity.version,
    leveret_version: version,
  })
}
