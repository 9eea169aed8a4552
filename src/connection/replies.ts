/** Replies and notifications that must wait until changes are on disk. */
import type { Steps } from '../broker/jobs.ts'
import type { Channel } from '../channel/channel.ts'
import type { DurableWaiter } from '../channel/client.ts'
import type { MethodId } from '../protocol/generated/constants.ts'
import type { ServerMethod } from '../protocol/generated/methods.ts'
import type { Connection } from './connection.ts'
import { PAUSE_DISK, type Pauses } from './pauses.ts'

export class Replies implements DurableWaiter {
  private readonly connection: Connection
  private readonly pauses: Pauses
  /** Notifications of the current operation for the connection's channels. */
  private notices: (() => void)[] | undefined
  /** Those of an operation whose reply waits for the disk: very many consumers are told in steps, all after it. */
  private held: (() => void)[] | undefined
  private action: (() => void) | undefined
  private batch = 0
  /** Whether the server calls `becameDurable`: the frames may be held for a second reason meanwhile. */
  private isListed = false

  constructor(connection: Connection, pauses: Pauses) {
    this.connection = connection
    this.pauses = pauses
  }

  failed(error: unknown): void {
    this.connection.failed(error)
  }

  /** See Client. */
  whenDurable(ch: Channel, operation: () => ServerMethod | undefined): void {
    const { commit, turn } = this.connection.broker
    turn.pumpNow()
    const before = commit.changes
    const notices: (() => void)[] = []
    this.notices = notices
    let reply: ServerMethod | undefined
    try {
      reply = operation()
    } finally {
      this.notices = undefined
    }
    const answer = (): void => {
      this.held = undefined
      if (reply !== undefined && !ch.closing) ch.send(reply)
      for (const notice of notices) notice()
    }
    if (reply === undefined || commit.changes === before) answer()
    else {
      this.held = notices
      this.holdUntilDurable(answer)
    }
  }

  /** See Client. */
  whenAllDurable(ch: Channel, steps: Steps<ServerMethod>, id: MethodId, waits: Steps<boolean>): void {
    const { commit, turn } = this.connection.broker
    turn.pumpNow()
    const done = (reply: ServerMethod | undefined): void => {
      if (reply === undefined) return
      const answer = (): void => {
        if (!ch.closing) ch.send(reply)
      }
      // A duplicate changes nothing, and the batch with the message that came first may be on its way.
      if (commit.durable < commit.latest) this.holdUntilDurable(answer)
      else answer()
    }
    this.connection.pace.work(together(waits, steps, commit), done, ch, id)
  }

  notify(send: () => void): void {
    const notices = this.notices ?? this.held
    if (notices === undefined) send()
    else notices.push(send)
  }

  /** Holds frames until all changes so far are on disk. */
  holdUntilDurable(action: (() => void) | undefined): void {
    const { commit, turn } = this.connection.broker
    this.pauses.add(PAUSE_DISK)
    this.action = action
    this.batch = commit.latest
    commit.requestFlush()
    turn.schedule()
    if (this.isListed) return
    this.isListed = true
    this.connection.server.awaitDurable(this)
  }

  /** Called when a batch is on disk. Returns false if the connection waits for no further batch. */
  becameDurable(): boolean {
    const { connection } = this
    const isHeld = this.pauses.has(PAUSE_DISK) && connection.state !== 'closed'
    const action = this.action
    // Another batch will follow.
    const isEarly =
      connection.broker.commit.durable < this.batch || (action === undefined && connection.broker.overloaded)
    this.isListed = isHeld && isEarly
    if (this.isListed) return true
    if (!isHeld) return false
    this.action = undefined
    this.pauses.remove(PAUSE_DISK)
    if (action !== undefined) action()
    // If it holds frames again, it has registered itself again.
    connection.intake.goOn()
    return false
  }
}

/** All or, where they must not begin, none of them. */
function* together<T>(
  waits: Steps<boolean>,
  steps: Steps<T>,
  commit: { hold(): void; letGo(): void },
): Steps<T | undefined> {
  if (!(yield* waits)) return undefined
  commit.hold()
  try {
    return yield* steps
  } finally {
    commit.letGo()
  }
}
