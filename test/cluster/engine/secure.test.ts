/** NATS servers that ask who is there, and that are reached by TLS. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createUser } from '@nats-io/nkeys'
import { afterEach, describe, expect, it } from 'vitest'
import { NatsEngine } from '../../../src/cluster/nats-engine.ts'
import type { EngineSettings } from '../../../src/config/cluster-settings.ts'
import { systemClock } from '../../../src/util/clock.ts'
import { silent } from '../../../src/util/logger.ts'
import { Engines } from '../../support/nats.ts'
import { jwtSetup } from '../../support/nats-jwt.ts'
import { until } from '../../support/until.ts'

const at = (name: string): string => join(import.meta.dirname, '../../support/certificates', name)
const CA = at('ca.pem')

const undo: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const u of undo.splice(0).reverse()) await u()
})

async function server(config: string): Promise<Engines> {
  const engines = await Engines.start(1, { config })
  undo.push(() => engines.stop())
  return engines
}

function file(contents: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-creds-'))
  undo.push(() => rmSync(dir, { recursive: true, force: true }))
  writeFileSync(join(dir, 'creds'), contents)
  return join(dir, 'creds')
}

const host = (e: Engines): string => `127.0.0.1:${e.port(0)}`

async function open(
  urls: string[],
  more: Partial<EngineSettings> = {},
  signal = new AbortController().signal,
): Promise<NatsEngine> {
  const settings = {
    urls,
    cluster: 'c',
    node: 'a',
    replicas: 1,
    credentials: undefined,
    tls: undefined,
    ...more,
  }
  const engine = await NatsEngine.open(settings, systemClock, silent, signal)
  undo.push(() => engine.close())
  return engine
}

/** The log is there and takes a record. */
async function works(engine: NatsEngine): Promise<void> {
  await until(async () => (await engine.bounds().catch(() => undefined)) !== undefined, 'the log')
  await engine.append(Buffer.from('x'))
  expect((await engine.bounds()).last).toBe(1)
}

describe('a NATS server that asks who is there', () => {
  it('takes user and password of the address; octets that addresses escape too', async () => {
    const e = await server('authorization { user: "leve ret", password: "p@ss:/word" }\n')
    await works(await open([`nats://leve%20ret:p%40ss%3A%2Fword@${host(e)}`]))
    const refused = open([`nats://leve%20ret:wrong@${host(e)}`])
    await expect(refused).rejects.toThrow(/cannot connect to NATS at 127.*Authorization/)
    await expect(open([`nats://leve%20ret:wrong@${host(e)}`])).rejects.not.toThrow('wrong')
    await expect(open([`nats://${host(e)}`])).rejects.toMatchObject({ code: 'UNFIT' })
  })

  it('takes them from whichever address has them', async () => {
    const e = await server('authorization { user: u, password: p }\n')
    await works(await open(['nats://127.0.0.1:1', `nats://u:p@${host(e)}`]))
  })

  it('takes a token', async () => {
    const e = await server('authorization { token: "t0ken" }\n')
    await works(await open([`nats://t0ken@${host(e)}`]))
    await expect(open([`nats://other@${host(e)}`])).rejects.toMatchObject({ code: 'UNFIT' })
  })

  it('takes an nkey, whose seed is in the credentials file', async () => {
    const user = createUser()
    const e = await server(`authorization { users = [ { nkey: ${user.getPublicKey()} } ] }\n`)
    const seed = Buffer.from(user.getSeed()).toString()
    await works(await open([`nats://${host(e)}`], { credentials: file(`${seed}\n`) }))
    const other = file(Buffer.from(createUser().getSeed()).toString())
    await expect(open([`nats://${host(e)}`], { credentials: other })).rejects.toMatchObject({ code: 'UNFIT' })
  })

  it('takes a credentials file with a JWT', async () => {
    const { config, creds } = jwtSetup()
    const e = await server(config)
    await works(await open([`nats://${host(e)}`], { credentials: file(creds) }))
    const other = file(jwtSetup().creds)
    await expect(open([`nats://${host(e)}`], { credentials: other })).rejects.toMatchObject({ code: 'UNFIT' })
  })

  it('a file that is neither is refused, with its name', async () => {
    const path = file('user = leveret\n')
    await expect(open(['nats://127.0.0.1:1'], { credentials: path })).rejects.toThrow(
      `${path} is not a NATS credentials file`,
    )
    const missing = open(['nats://127.0.0.1:1'], { credentials: `${path}.not` })
    await expect(missing).rejects.toThrow('ENOENT')
  })
})

describe('a NATS server with TLS', () => {
  const tls = `tls { cert_file: "${at('server.pem')}", key_file: "${at('server.key')}" }\n`

  it('is reached where its certificate is of the given authority, and not otherwise', async () => {
    const e = await server(tls)
    await works(await open([`tls://${host(e)}`], { tls: { ca: CA } }))
    for (const more of [{}, { tls: { ca: at('client.pem') } }])
      await expect(open([`tls://${host(e)}`], more)).rejects.toMatchObject({
        code: 'UNFIT',
        message: expect.stringContaining('certificate'),
      })
  })

  it('is reached by TLS where only the files say so', async () => {
    const e = await server(tls)
    await works(await open([`nats://${host(e)}`], { tls: { ca: CA } }))
  })

  it('asks for a certificate', async () => {
    const e = await server(tls.replace(' }', `, ca_file: "${CA}", verify: true }`))
    const own = { ca: CA, cert: at('client.pem'), key: at('client.key') }
    await works(await open([`tls://${host(e)}`], { tls: own }))
    // The server hangs up without a word, as one does that is starting: it is tried again until somebody gives up.
    const none = open([`tls://${host(e)}`], { tls: { ca: CA } }, AbortSignal.abort())
    await expect(none).rejects.toMatchObject({ code: 'AWAY' })
  })
})
