/**
 * What has to have a test: each method that a client may send with the errors that it can get. The tests say what they have
 * seen (test/support/record.ts); coverage.test.ts compares, both ways.
 */

/** Of methods that are refused for what they say; malformed octets and the end of a connection are for all of them. */
export const errorsOf: Readonly<Record<string, readonly number[]>> = {
  'connection.start-ok': [403],
  'connection.secure-ok': [504],
  'connection.tune-ok': [530],
  'connection.open': [504, 530],
  'connection.update-secret': [530],
  'channel.open': [504, 530],
  'channel.flow': [540],
  'channel.flow-ok': [503],
  'exchange.declare': [403, 404, 406],
  'exchange.delete': [403, 406],
  'exchange.bind': [403, 404, 406],
  'exchange.unbind': [403],
  'queue.declare': [403, 404, 405, 406],
  'queue.bind': [403, 404, 405, 406],
  'queue.unbind': [403, 404, 405],
  'queue.purge': [403, 404, 405, 540],
  'queue.delete': [403, 404, 405, 406],
  'basic.qos': [540],
  'basic.consume': [403, 404, 405, 406, 530, 540],
  'basic.publish': [403, 404, 406, 540],
  'basic.get': [403, 404, 405, 540],
  'basic.ack': [406],
  'basic.nack': [406],
  'basic.reject': [406],
  'basic.recover': [540],
  'basic.recover-async': [540],
  'tx.select': [406],
  'tx.commit': [406],
  'tx.rollback': [406],
  'confirm.select': [406],
}

/** Short strings that are no UTF-8, and arguments that end too early. */
export const malformed = [
  'exchange.declare',
  'exchange.delete',
  'exchange.bind',
  'queue.declare',
  'queue.bind',
  'queue.unbind',
  'queue.purge',
  'queue.delete',
  'basic.consume',
  'basic.cancel',
  'basic.publish',
  'basic.get',
]

/** What ends a connection beside what its methods say. */
export const connectionErrors = [320, 501, 504, 505]

/** What a method is answered with, where that is not its own name and `-ok`; undefined: nothing. */
export const answers: Readonly<Record<string, string | undefined>> = {
  'connection.start-ok': 'connection.tune',
  'connection.secure-ok': undefined,
  'connection.tune-ok': undefined,
  'connection.close-ok': undefined,
  'channel.flow-ok': undefined,
  'channel.close-ok': undefined,
  'basic.publish': 'basic.ack',
  'basic.get': 'basic.get-ok',
  'basic.cancel-ok': undefined,
  'basic.ack': undefined,
  'basic.nack': undefined,
  'basic.reject': undefined,
  'basic.recover-async': 'basic.deliver',
}
