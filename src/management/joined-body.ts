/**
 * Joins the pieces in which a request body arrives. Readers keep all pieces until the end, and each costs more than a
 * hundred bytes however short it is, so chunks of one byte would take a hundred times their length.
 */
import type { IncomingMessage } from 'node:http'
import { HTTP_BODY_JOINED_BYTES } from '../limits.ts'

const nothing = Buffer.alloc(0)
const ROOM_FIRST = 512

/** Starts joining the body of a request. Call before the first octets of the body are parsed. */
export function joinPieces(request: IncomingMessage): void {
  const push = request.push.bind(request)
  let held = nothing
  let length = 0
  const handOn = (): boolean => {
    const piece = held.subarray(0, length)
    held = nothing
    length = 0
    return piece.length === 0 || push(piece)
  }
  request.push = (piece: Buffer | null) => {
    if (piece === null || piece.length >= HTTP_BODY_JOINED_BYTES) {
      handOn()
      return push(piece)
    }
    const isRead = length + piece.length <= HTTP_BODY_JOINED_BYTES || handOn()
    if (length + piece.length > held.length) {
      const wider = Buffer.allocUnsafe(
        Math.min(HTTP_BODY_JOINED_BYTES, Math.max(ROOM_FIRST, 2 * (length + piece.length))),
      )
      wider.set(held.subarray(0, length))
      held = wider
    }
    held.set(piece, length)
    length += piece.length
    return isRead
  }
}
