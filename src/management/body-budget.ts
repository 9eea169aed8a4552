/**
 * Limits the octets of request bodies that are being read or handled, and of messages in answers that have not been
 * read: in total, and to a share of that for each user.
 * Short bodies are not counted, because the number of connections bounds them.
 */
import { type Readable, Transform, type TransformCallback } from 'node:stream'
import { HTTP_BODIES_BYTES_MAX, HTTP_BODIES_BYTES_OF_USER_MAX, HTTP_BODY_BYTES_SHORT } from '../limits.ts'
import { hearErrors } from '../util/sockets.ts'
import { HttpError } from './http.ts'

export class BodyBudget {
  private bytes = 0
  private readonly ofUser = new Map<string, number>()

  /** @param length in octets. @returns a function that releases them, once. @throws HttpError 503 */
  reserve(user: string, length: number): () => void {
    const own = (this.ofUser.get(user) ?? 0) + length
    if (this.bytes + length > HTTP_BODIES_BYTES_MAX || own > HTTP_BODIES_BYTES_OF_USER_MAX)
      throw new HttpError(503, 'busy', 'too many long bodies are being read or sent')
    this.bytes += length
    this.ofUser.set(user, own)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.bytes -= length
      const left = (this.ofUser.get(user) ?? 0) - length
      if (left > 0) this.ofUser.set(user, left)
      else this.ofUser.delete(user)
    }
  }

  /** Reserves the octets of a body as they arrive. @param held receives the function that releases all of them */
  counted(user: string, body: Readable, held: (release: () => void) => void): Readable {
    const releases: (() => void)[] = []
    let isOver = false
    const counter = new Counter((bytes) => {
      const release = this.reserve(user, bytes)
      // More bytes may arrive after the reader has given up.
      if (isOver) release()
      else releases.push(release)
    })
    held(() => {
      isOver = true
      for (const release of releases.splice(0)) release()
    })
    // The reader stops listening when it has finished, and the client may disconnect after that.
    hearErrors(counter)
    body.on('error', (error) => counter.destroy(error))
    return body.pipe(counter)
  }
}

/** Octets are reserved in units of this size. */
const PIECE_BYTES = 1024 * 1024

class Counter extends Transform {
  /** Fastify compares it with the Content-Length that the client has sent. */
  receivedEncodedLength = 0
  private readonly reserve: (bytes: number) => void
  private reserved = HTTP_BODY_BYTES_SHORT

  constructor(reserve: (bytes: number) => void) {
    super()
    this.reserve = reserve
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.receivedEncodedLength += chunk.length
    try {
      while (this.receivedEncodedLength > this.reserved) {
        this.reserve(PIECE_BYTES)
        this.reserved += PIECE_BYTES
      }
    } catch (error) {
      done(error as Error)
      return
    }
    done(null, chunk)
  }
}
