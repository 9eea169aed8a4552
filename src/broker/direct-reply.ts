/**
 * Direct reply-to (behaviour.md section 9): replies go straight to the requester's channel. The name stands for a
 * transient queue of that channel, which only the default exchange can find and no list shows.
 */

/** The name that requesters consume from and put into reply-to. */
export const REPLY_TO = 'amq.rabbitmq.reply-to'

/**
 * The name that responders publish to. Nothing in it has a meaning, but it has RabbitMQ's form, which tests of clients
 * look for: two parts, of which the second stands for sixteen octets in base64.
 */
export function replyQueueName(random: (octets: number) => Buffer): string {
  return `${REPLY_TO}.${random(8).toString('base64url')}.${random(16).toString('base64url')}==`
}
