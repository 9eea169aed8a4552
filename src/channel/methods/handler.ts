import type { ClientMethod } from '../../protocol/generated/methods.ts'
import type { Channel } from '../channel.ts'

/** Methods handled by the connection. */
export type ConnectionMethodId = Extract<
  ClientMethod,
  { id: 0x000a000b | 0x000a0015 | 0x000a001f | 0x000a0028 | 0x000a0032 | 0x000a0033 | 0x000a0046 }
>['id']
type PublishId = 0x003c0028
export type ChannelMethodId = Exclude<ClientMethod['id'], ConnectionMethodId | PublishId>
export type MethodOf<Id extends ClientMethod['id']> = Extract<ClientMethod, { id: Id }>

/** One entry for each method that a client may send on a channel: it does not compile if an entry is missing. */
export type Handlers = { [Id in ChannelMethodId]: (ch: Channel, m: MethodOf<Id>) => void }
