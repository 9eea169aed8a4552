/**
 * What the tests of a file have really seen, for test/conformance/coverage.test.ts: which methods were answered, which
 * refused and with what, which arguments each kind of queue took or refused, which policy keys were set or refused.
 */
import { createHash, type Hash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { FieldTable } from '../../src/protocol/field-table.ts'
import { MethodId, methodNames } from '../../src/protocol/generated/constants.ts'
import type { AnyMethod } from '../../src/protocol/generated/methods.ts'

const FOLDER = 'node_modules/.cache/leveret-coverage'

const seen = new Set<string>()

const handshake = new Set<number>([
  MethodId.ConnectionStartOk,
  MethodId.ConnectionSecureOk,
  MethodId.ConnectionTuneOk,
  MethodId.ConnectionOpen,
])

/** Outside test/conformance: what that needs another configuration for. */
const others = ['test/security/oauth.test.ts']

/** @param conformance what is in test/conformance */
export function recordedFiles(conformance: readonly string[]): string[] {
  const names = conformance.filter((f) => f.endsWith('.test.ts') && f !== 'coverage.test.ts')
  return [...names.map((f) => `test/conformance/${f}`), ...others]
}

export function isRecorded(file: string): boolean {
  return others.includes(file) || /^test\/conformance\/(?!coverage)/.test(file)
}

/** One connection as its client sees it. */
export class Conversation {
  private readonly last = new Map<number, AnyMethod>()
  private latest: AnyMethod | undefined

  sent(channel: number, m: AnyMethod): void {
    this.last.set(channel, m)
    this.latest = m
    seen.add(lineOf('sent', m.id))
  }

  received(channel: number, m: AnyMethod): void {
    if (m.id === MethodId.ChannelClose || m.id === MethodId.ConnectionClose) {
      if (m.id === MethodId.ConnectionClose) seen.add(`ended ${m.replyCode}`)
      const named = m.classId * 0x10000 + m.methodId
      // Errors of the handshake name no method: it is the one that was sent last.
      const latest = this.latest?.id ?? 0
      const cause = named === 0 && handshake.has(latest) && m.replyCode !== 320 ? latest : named
      if (cause in methodNames) seen.add(`refused ${nameOf(cause)} ${m.replyCode}`)
      const argument = /invalid (?:arg|type '[^']+' for arg) '([^']+)'/.exec(m.replyText)?.[1]
      if (argument !== undefined) this.argument(this.latest, argument, 'refused')
      const compared = /inequivalent arg '([^']+)' for queue/.exec(m.replyText)?.[1]
      if (compared !== undefined) seen.add(`argument ${compared} compared`)
      return
    }
    seen.add(lineOf('received', m.id))
    const before = this.last.get(channel)
    if (m.id !== MethodId.QueueDeclareOk || before?.id !== MethodId.QueueDeclare || before.passive) return
    for (const { name } of before.arguments.entries) this.argument(before, name, 'taken')
  }

  private argument(declare: AnyMethod | undefined, name: string, how: string): void {
    if (declare?.id !== MethodId.QueueDeclare) return
    seen.add(`argument ${name} ${how} by ${kindOf(declare.arguments)}`)
  }
}

function nameOf(id: number): string {
  return methodNames[id as MethodId] ?? String(id)
}

const lines = { sent: new Map<number, string>(), received: new Map<number, string>() }

/** Made once: there are as many as frames. */
function lineOf(how: keyof typeof lines, id: number): string {
  let line = lines[how].get(id)
  if (line === undefined) {
    line = `${how} ${nameOf(id)}`
    lines[how].set(id, line)
  }
  return line
}

function kindOf(args: FieldTable): string {
  const v = args.get('x-queue-type')
  return v?.type === 'S' ? String(v.value) : 'classic'
}

/** A request over HTTP. */
export function requested(method: string, path: string, body: unknown, status: number): void {
  if (method !== 'PUT' || !/^(operator-)?policies\//.test(path)) return
  const kind = path.startsWith('operator') ? 'operator policy' : 'policy'
  const { definition } = (body ?? {}) as { definition?: object }
  for (const key of Object.keys(definition ?? {}))
    seen.add(`${kind} ${key} ${status < 300 ? 'set' : 'refused'}`)
}

/** Of what all records depend on: read once, by a process that has loaded it. */
let shared: Hash | undefined

function sharedDigest(): Hash {
  const hash = createHash('sha256')
  for (const folder of ['src', 'test/support'])
    for (const f of readdirSync(folder, { recursive: true }).map(String).sort())
      if (f.endsWith('.ts')) hash.update(f).update(readFileSync(join(folder, f)))
  return hash
}

/** Of everything that a record depends on. */
function digest(file: string): string {
  shared ??= sharedDigest()
  return shared.copy().update(readFileSync(file)).digest('hex')
}

function recordOf(file: string): string {
  return join(FOLDER, `${basename(file)}.json`)
}

/** Before a file's tests. */
export function beginRecord(file: string): void {
  seen.clear()
  rmSync(recordOf(file), { force: true })
}

/** After all of them have passed. */
export function keepRecord(file: string): void {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(recordOf(file), JSON.stringify({ digest: digest(file), seen: [...seen].sort() }))
}

/** undefined where the file has not been run since something has changed */
export function readRecord(file: string): readonly string[] | undefined {
  try {
    const r = JSON.parse(readFileSync(recordOf(file), 'utf8')) as { digest: string; seen: string[] }
    return r.digest === digest(file) ? r.seen : undefined
  } catch {
    return undefined
  }
}
