/**
 * Clients that are relayed to another node and may not have logged in yet. Their input is bounded, and they are closed
 * to make room when file descriptors run out; the other node bounds their number, and closes them after a while.
 */
import type { Duplex } from 'node:stream'
import { HANDSHAKE_MS_MAX } from '../limits.ts'
import { FRAME_METHOD, MethodId } from '../protocol/generated/constants.ts'
import type { Clock } from '../util/clock.ts'
import type { Closable } from '../util/descriptors.ts'
import { boundInputOf, releaseInput } from '../util/tls-input.ts'
import { Unopened } from './unopened.ts'

const NO_BOUNDS = { all: Number.POSITIVE_INFINITY, perAddress: Number.POSITIVE_INFINITY }

export class YoungClients implements Closable {
  private readonly clock: Clock
  private readonly clients: Unopened

  /** @param onClosed called with the address of each client closed to make room */
  constructor(clock: Clock, onClosed: (address: string) => void) {
    this.clock = clock
    this.clients = new Unopened(
      () => NO_BOUNDS,
      () => clock.elapsed(),
      onClosed,
    )
  }

  get oldest(): number | undefined {
    return this.clients.oldest
  }

  closeOldest(): void {
    this.clients.closeOldest()
  }

  /** @param answers what the other node sends to the client */
  add(client: Duplex, answers: Duplex, address: string): void {
    this.clients.add(client, address)
    boundInputOf(client)
    const known = (): void => {
      timer.cancel()
      answers.off('data', look)
      releaseInput(client)
      this.clients.remove(client)
    }
    // With TLS, a login cannot be seen.
    const timer = this.clock.after(HANDSHAKE_MS_MAX, known)
    const look = (octets: Buffer): void => {
      if (isTune(octets)) known()
    }
    answers.on('data', look)
    client.once('close', known)
  }
}

/** Whether the octets begin with connection.tune, the reply to a login that is accepted. */
function isTune(octets: Buffer): boolean {
  return (
    octets.length > 11 && octets[0] === FRAME_METHOD && octets.readUInt32BE(7) === MethodId.ConnectionTune
  )
}
