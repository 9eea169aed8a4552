/**
 * Direct reply-to (behaviour.md section 9): replies go straight to the requester's channel. The name stands for a
 * transient queue of that channel, which only the default exchange can find and no list shows.
 */

/** The name that requesters consume from and put into reply-to. */
export const REPLY_TO = 'amq.rabbitmq.reply-to'

/** The name that responders publish to. */
export function replyQueueName(token: string): string {
  return `${REPLY_TO}.${token}`
}
