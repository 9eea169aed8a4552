import { type BindingRequest, bind, unbind } from '../../operations/bindings.ts'
import { declareExchange, declareExchangePassive, deleteExchange } from '../../operations/exchanges.ts'
import { MethodId } from '../../protocol/generated/constants.ts'
import type { ExchangeBind, ExchangeUnbind } from '../../protocol/generated/methods.ts'
import type { Handlers } from './handler.ts'

function toRequest(m: ExchangeBind | ExchangeUnbind): BindingRequest {
  const { source, destination, routingKey } = m
  return { source, destination, destinationType: 'exchange', routingKey, arguments: m.arguments }
}

export const exchangeMethods = {
  [MethodId.ExchangeDeclare](ch, m) {
    ch.client.replyWhenDurable(ch, () => {
      if (m.passive) declareExchangePassive(ch.caller, m.exchange)
      else declareExchange(ch.broker, ch.caller, { ...m, name: m.exchange })
      if (!m.nowait) return { id: MethodId.ExchangeDeclareOk }
      return undefined
    })
  },

  [MethodId.ExchangeDelete](ch, m) {
    ch.client.replyWhenDurable(ch, () => {
      deleteExchange(ch.caller, m.exchange, m.ifUnused)
      return m.nowait ? undefined : { id: MethodId.ExchangeDeleteOk }
    })
  },

  [MethodId.ExchangeBind](ch, m) {
    ch.client.replyWhenDurable(ch, () => {
      bind(ch.caller, toRequest(m))
      return m.nowait ? undefined : { id: MethodId.ExchangeBindOk }
    })
  },

  [MethodId.ExchangeUnbind](ch, m) {
    ch.client.replyWhenDurable(ch, () => {
      unbind(ch.caller, toRequest(m))
      return m.nowait ? undefined : { id: MethodId.ExchangeUnbindOk }
    })
  },
} satisfies Partial<Handlers>
