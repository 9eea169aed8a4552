/**
 * Places for clients for which the active node is asked. None of them has logged in yet, so addresses take turns,
 * however often each connects.
 */
import type { Socket } from 'node:net'
import { plainAddress } from '../util/address.ts'
import type { Timer } from '../util/clock.ts'
import { FairPlaces } from '../util/fair-places.ts'
import { isAccepting } from '../util/timers.ts'

/** Maximum number of clients for which the active node is asked at a time; further clients wait. */
export const ASKED_MAX = 64

/**
 * The same while clients are being accepted, which takes a turn of the event loop for each: with many requests in progress
 * turns are long, and addresses take turns only among the clients that have been accepted.
 */
export const ASKED_WHILE_ACCEPTING = 4

interface Place {
  /** Called when its turn has come. */
  come(): void
}

export class AskingPlaces {
  private readonly places = new FairPlaces<Place>(
    () => (isAccepting() ? ASKED_WHILE_ACCEPTING : ASKED_MAX),
    (next) => next.come(),
  )

  /**
   * Resolves with true when the client's turn has come; with false if it has left or has waited for too long.
   * @param waits starts a timer if the client has to wait, at whose end it gives up
   */
  turnOf(socket: Socket, waits?: (giveUp: () => void) => Timer): Promise<boolean> {
    if (this.places.take()) return Promise.resolve(true)
    const { waiting } = this.places
    const address = plainAddress(socket.remoteAddress)
    return new Promise((resolve) => {
      const over = (hasTurn: boolean): void => {
        timer?.cancel()
        socket.off('close', giveUp)
        resolve(hasTurn)
      }
      const place: Place = { come: () => over(true) }
      const giveUp = (): void => {
        waiting.remove(address, place)
        over(false)
      }
      const timer = waits?.(giveUp)
      socket.once('close', giveUp)
      waiting.push(address, place)
    })
  }

  /** Called when the active node has answered a client whose turn had come. */
  leave(): void {
    this.places.leave()
  }
}
