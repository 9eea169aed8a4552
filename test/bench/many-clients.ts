/** Very many connections, channels and consumers, opened a few at a time. */
import { FieldTable } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { Client } from './amqp.ts'

const READ_BYTES = 4096
const AT_ONCE = 100

/** @param url of each one, by its number */
export async function connections(count: number, url: (i: number) => string): Promise<Client[]> {
  const out: Client[] = []
  while (out.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - out.length) }, (_, i) =>
      Client.open(url(out.length + i), READ_BYTES),
    )
    out.push(...(await Promise.all(some)))
  }
  return out
}

/** Channels 2 up to `last`. */
export async function openChannels(client: Client, last: number): Promise<void> {
  const opened: Promise<void>[] = []
  for (let n = 2; n <= last; n++)
    opened.push(client.call({ id: MethodId.ChannelOpen, outOfBand: '' }, MethodId.ChannelOpenOk, n))
  await Promise.all(opened)
}

/** So many consumers of the queue on that channel. */
export async function consumers(client: Client, queue: string, count: number, channel = 1): Promise<void> {
  const flags = { noLocal: false, noAck: true, exclusive: false, arguments: FieldTable.empty } as const
  for (let i = 1; i <= count; i++) {
    const nowait = i < count
    const m = { id: MethodId.BasicConsume, ticket: 0, queue, consumerTag: `c${i}`, nowait, ...flags } as const
    if (nowait) client.send(m, channel)
    else await client.call(m, MethodId.BasicConsumeOk, channel)
  }
}

export function closeAll(clients: readonly Client[]): void {
  for (const c of clients) c.close()
}
