import { describe, expect, it } from 'vitest'
import { Heartbeat } from '../../src/connection/heartbeat.ts'
import { ManualClock } from '../support/manual-clock.ts'

const HEARTBEAT_BYTES = 8

/** Ten seconds were negotiated; @param step ms between two looks at the clock */
function setUp() {
  const clock = new ManualClock()
  const peer = {
    octetsSent: 100,
    octetsReceived: 100,
    readingPaused: false,
    /** When, in seconds. */
    heartbeats: [] as number[],
    goneAt: undefined as number | undefined,
    sendHeartbeat(): void {
      this.octetsSent += HEARTBEAT_BYTES
      this.heartbeats.push(seconds())
    },
    peerIsGone(): void {
      this.goneAt ??= seconds()
    },
  }
  const start = clock.elapsed()
  const seconds = (): number => (clock.elapsed() - start) / 1000
  const heartbeat = new Heartbeat(10, clock, peer)
  const pass = (s: number, every?: () => void): void => {
    for (let i = 0; i < s * 2; i++) {
      every?.()
      clock.pass(500)
    }
  }
  return { clock, peer, heartbeat, pass }
}

const alive = (peer: { octetsReceived: number }) => (): void => void peer.octetsReceived++

describe('heartbeats to an idle client', () => {
  it('go out every half interval: they are no traffic themselves', () => {
    const { peer, pass } = setUp()
    pass(42, alive(peer))
    const gaps = peer.heartbeats.map((t, i) => t - (peer.heartbeats[i - 1] ?? 0))
    expect(peer.heartbeats.length).toBeGreaterThanOrEqual(7)
    expect(Math.max(...gaps.slice(1))).toBe(5)
  })

  it('follow the last octets by less than an interval, whenever those were written', () => {
    for (const at of [0.5, 1, 2, 2.5, 3, 4.5, 5, 6, 7.5, 9.5]) {
      const { peer, pass } = setUp()
      pass(at, alive(peer))
      const before = peer.heartbeats.length
      peer.octetsSent += 1000
      pass(20, alive(peer))
      const next = peer.heartbeats[before] as number
      expect(next - at).toBeGreaterThanOrEqual(5)
      expect(next - at).toBeLessThanOrEqual(7.5)
    }
  })

  it('do not go out while there is traffic', () => {
    const { peer, pass } = setUp()
    pass(60, () => {
      peer.octetsSent += 10
      peer.octetsReceived++
    })
    expect(peer.heartbeats).toEqual([])
  })

  it('go out however coarsely time passes', () => {
    const { clock, peer } = setUp()
    clock.pass(5000)
    for (let i = 0; i < 4; i++) clock.pass(5000)
    expect(peer.heartbeats.length).toBeGreaterThanOrEqual(4)
  })

  it('end with the connection', () => {
    const { peer, heartbeat, pass } = setUp()
    heartbeat.stop()
    pass(60)
    expect([peer.heartbeats, peer.goneAt]).toEqual([[], undefined])
  })
})

describe('a client that says nothing', () => {
  it('is given up after two intervals, and before three', () => {
    const { peer, pass } = setUp()
    pass(7, alive(peer))
    pass(40)
    expect(peer.goneAt).toBeGreaterThanOrEqual(7 + 20)
    expect(peer.goneAt).toBeLessThan(7 + 30)
  })

  it('is not given up for a heartbeat in each interval, or any other octet', () => {
    const { peer, pass } = setUp()
    for (let i = 0; i < 20; i++) {
      peer.octetsReceived++
      pass(19)
    }
    expect(peer.goneAt).toBeUndefined()
  })

  it('has time again from when it is read again', () => {
    const { peer, pass } = setUp()
    peer.readingPaused = true
    pass(100)
    peer.readingPaused = false
    pass(19.5)
    expect(peer.goneAt).toBeUndefined()
    pass(10)
    expect(peer.goneAt).toBeDefined()
  })

  it('is not blamed for a process that stood still', () => {
    const { clock, peer } = setUp()
    peer.octetsReceived++
    clock.pass(2500)
    // What came meanwhile is read only after the timers have run.
    clock.pass(60_000)
    expect(peer.goneAt).toBeUndefined()
    peer.octetsReceived++
    clock.pass(2500)
    expect(peer.goneAt).toBeUndefined()
  })
})

describe.each([
  ['forward', 3_600_000],
  ['back', -3_600_000],
])('a clock that is set %s by an hour', (_, jump) => {
  it('does not end the connection of a client that sends a heartbeat in each interval', () => {
    const { clock, peer, pass } = setUp()
    peer.octetsReceived++
    pass(9)
    clock.jump(jump)
    pass(9)
    expect(peer.goneAt).toBeUndefined()
  })

  it('does not keep one that says nothing, nor the heartbeats to it', () => {
    const { clock, peer, pass } = setUp()
    pass(5)
    clock.jump(jump)
    pass(25)
    expect(peer.heartbeats.length).toBeGreaterThanOrEqual(4)
    expect(peer.goneAt).toBeLessThan(30)
  })
})
