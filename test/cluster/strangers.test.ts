/** What whoever reaches the ports of a cluster's nodes can do to them without a login or the secret. */
import { connect, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { PeerPort } from '../../src/cluster/peer-port.ts'
import { createCluster } from '../../src/index.ts'
import { DOOR_LINES_PER_MINUTE } from '../../src/limits.ts'
import { systemClock } from '../../src/util/clock.ts'
import { Descriptors } from '../../src/util/descriptors.ts'
import type { Logger } from '../../src/util/logger.ts'
import { until } from '../support/until.ts'

const sockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length

async function connected(port: number): Promise<Socket> {
  const s = connect(port, '127.0.0.1')
  s.on('error', () => {})
  onTestFinished(() => void s.destroy())
  await new Promise<void>((resolve) => s.once('connect', () => resolve()))
  return s
}

describe('the HTTP API of a standby', () => {
  it('keeps nothing of clients that leave while they are passed on, and the nodes can end', async () => {
    const cluster = await createCluster({ failoverAfter: 400, management: true })
    const standby = cluster.nodes.find((n) => !n.active)?.managementPort as number
    await until(async () => {
      const { status } = await fetch(`http://127.0.0.1:${standby}/api/overview`)
      return status === 401
    }, 'the standby to pass requests on')
    const before = sockets()
    for (let i = 0; i < 50; i++) {
      const s = await connected(standby)
      await new Promise<void>((resolve) =>
        s.write('GET /api/overview HTTP/1.1\r\nHost: x\r\n\r\n', () => resolve()),
      )
      s.destroy()
    }
    await until(() => sockets() <= before + 2, 'all sockets to be closed')
    await cluster.close()
  })
})

class Lines {
  readonly seen: string[] = []
  readonly warn = (_fields: object, text: string): void => {
    this.seen.push(text)
  }
}

async function peerPort(): Promise<{ peers: PeerPort; lines: Lines; served: () => number }> {
  const lines = new Lines()
  let served = 0
  const logger = lines as unknown as Logger
  const peers = new PeerPort({ secret: 's', tls: undefined }, systemClock, logger, {
    snapshot: async () => {
      served++
    },
    refusesClients: () => undefined,
    client: () => {},
  })
  await peers.listen(0, '127.0.0.1', new Descriptors(logger))
  onTestFinished(() => peers.close())
  return { peers, lines, served: () => served }
}

describe('the peer port', () => {
  it('serves who knows the secret while strangers hold as many connections as they can', async () => {
    const { peers, served } = await peerPort()
    let closed = 0
    for (let i = 0; i < 300; i++) {
      const s = await connected(peers.port)
      s.on('close', () => closed++)
    }
    await until(() => closed === 300 - 256, 'the oldest to be closed')
    ;(await peers.ask('127.0.0.1', peers.port, { want: 'snapshot' })).destroy()
    expect(served()).toBe(1)
  })

  it('logs so many refusals a minute, whatever comes', async () => {
    const { peers, lines } = await peerPort()
    let closed = 0
    const sent = DOOR_LINES_PER_MINUTE * 3
    for (let i = 0; i < sent; i++) {
      const s = await connected(peers.port)
      s.on('close', () => closed++).resume()
      s.write(Buffer.alloc(40 + i, i))
    }
    await until(() => closed === sent, 'all to be refused')
    // The minute may end meanwhile.
    expect(lines.seen.length).toBeLessThanOrEqual(2 * DOOR_LINES_PER_MINUTE + 1)
  })
})
