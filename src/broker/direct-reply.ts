/**
 * Direct reply-to (behaviour.md section 9): replies go straight to the requester's channel. Behind the name stands a
 * transient queue of that channel alone, found only by the default exchange and listed nowhere.
 */

/** The name that requesters consume from and put into reply-to. */
export const REPLY_TO = 'amq.rabbitmq.reply-to'

/** The name that responders publish to. */
export function replyQueueName(token: string): string {
  return `${REPLY_TO}.${token}`
}
