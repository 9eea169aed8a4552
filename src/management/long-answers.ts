/** Limits the long answers made at a time for one user: each takes 10 ms of a turn, while all other requests wait. */
import { Readable } from 'node:stream'
import { LONG_ANSWERS_OF_USER_MAX } from '../limits.ts'
import { HttpError } from './http.ts'

/** The response that an answer is sent with. */
interface Response {
  readonly closed: boolean
  once(event: 'close', action: () => void): unknown
}

export class LongAnswers {
  private readonly ofUser = new Map<string, number>()

  /** Runs `make` and counts its answer; a stream counts until it is sent or its client leaves. @throws HttpError 503 */
  async made<A>(user: string, response: Response, make: () => Promise<A>): Promise<A> {
    const end = this.begin(user)
    let sending = false
    try {
      const answer = await make()
      if (answer instanceof Readable && !response.closed) {
        response.once('close', end)
        sending = true
      }
      return answer
    } finally {
      if (!sending) end()
    }
  }

  /** Counts one more answer. @returns a function that ends it, to be called once. @throws HttpError 503 */
  private begin(user: string): () => void {
    const others = this.ofUser.get(user) ?? 0
    if (others >= LONG_ANSWERS_OF_USER_MAX)
      throw new HttpError(503, 'busy', `${others} lists for this user are being made`)
    this.ofUser.set(user, others + 1)
    return () => {
      const left = (this.ofUser.get(user) ?? 0) - 1
      if (left > 0) this.ofUser.set(user, left)
      else this.ofUser.delete(user)
    }
  }
}
