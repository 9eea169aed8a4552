/** What an exchange counts: messages that were published to it, and their copies for queues. */

import amqp from 'amqplib'
import { expect, it, onTestFinished } from 'vitest'
import { servedBroker } from '../support/served-broker.ts'

it('all copies of a message with CC and BCC keys, and no message that is refused', async () => {
  const { broker, url } = await servedBroker()
  const client = await amqp.connect(url)
  onTestFinished(() => client.close())
  const ch = await client.createConfirmChannel()
  for (const key of ['a', 'b', 'c']) {
    const { queue } = await ch.assertQueue('', { exclusive: true })
    await ch.bindQueue(queue, 'amq.direct', key)
  }
  const publish = (options: amqp.Options.Publish): void =>
    void ch.publish('amq.direct', 'a', Buffer.from('m'), options)
  publish({})
  publish({ CC: ['b'] })
  publish({ CC: ['b'], BCC: ['c', 'nobody'] })
  await ch.waitForConfirms()
  const x = broker.vhosts.get('/')?.exchanges.get('amq.direct')
  expect([x?.published, x?.publishedOut]).toEqual([3, 6])

  const closed = new Promise((resolve) => ch.on('error', resolve))
  publish({ expiration: 'soon' })
  expect(String(await closed)).toContain('invalid expiration')
  expect([x?.published, x?.publishedOut]).toEqual([3, 6])
})
