/**
 * Direct reply-to (behaviour.md section 9): replies go straight to the requester's channel. The reply-to name refers to
 * a transient queue of that channel, which only the default exchange can find and no listing shows.
 */

/** The name that requesters consume from and set as reply-to. */
export const REPLY_TO = 'amq.rabbitmq.reply-to'

/**
 * The name to which responders publish. It is random, but has the form of RabbitMQ's names, which the tests of some
 * clients expect: two parts, the second of which is sixteen octets in base64.
 */
export function replyQueueName(random: (octets: number) => Buffer): string {
  return `${REPLY_TO}.${random(8).toString('base64url')}.${random(16).toString('base64url')}==`
}
