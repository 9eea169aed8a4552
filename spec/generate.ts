/**
 * Turns amqp-0-9-1.json into src/protocol/generated.
 *
 * Usage: `npm run generate`. The output is committed; CI runs this again and fails on any difference.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

type FieldType =
  | 'bit'
  | 'octet'
  | 'short'
  | 'long'
  | 'longlong'
  | 'shortstr'
  | 'longstr'
  | 'timestamp'
  | 'table'
type Field = readonly [name: string, type: FieldType]
interface Method {
  name: string
  id: number
  from: 'client' | 'server' | 'both'
  content?: boolean
  perMessage?: boolean
  fields: Field[]
}
interface Spec {
  protocol: { major: number; minor: number; revision: number }
  frames: Record<string, number>
  replyCodes: { code: number; name: string; closes: 'none' | 'channel' | 'connection' }[]
  properties: Field[]
  classes: { name: string; id: number; methods: Method[] }[]
}
interface FlatMethod extends Method {
  className: string
  classId: number
  pascal: string
  fullId: number
}

const root = process.cwd()
const spec = JSON.parse(readFileSync(join(root, 'spec/amqp-0-9-1.json'), 'utf8')) as Spec
const outDir = join(root, 'src/protocol/generated')

const pascal = (s: string): string =>
  s
    .split('-')
    .map((w) => w.charAt(0).toUpperCase() + w.slice(1))
    .join('')
const camel = (s: string): string => pascal(s).charAt(0).toLowerCase() + pascal(s).slice(1)
const hex = (n: number): string => `0x${n.toString(16).padStart(8, '0')}`
const methods: FlatMethod[] = spec.classes.flatMap((c) =>
  c.methods.map((m) => ({
    ...m,
    className: c.name,
    classId: c.id,
    pascal: pascal(c.name) + pascal(m.name),
    fullId: (c.id << 16) | m.id,
  })),
)
const fullName = (m: FlatMethod): string => `${m.className}.${m.name}`
const banner = '// DO NOT EDIT: written by spec/generate.ts from spec/amqp-0-9-1.json.\n'
const emit = (file: string, body: string): void => writeFileSync(join(outDir, file), `${banner}\n${body}`)

const tsType: Record<FieldType, string> = {
  bit: 'boolean',
  octet: 'number',
  short: 'number',
  long: 'number',
  longlong: 'number',
  shortstr: 'string',
  longstr: 'Buffer',
  timestamp: 'bigint',
  table: 'FieldTable',
}

function constants(): string {
  const lines: string[] = []
  const p = spec.protocol
  lines.push(
    `export const PROTOCOL_HEADER = Buffer.from('AMQP\\x00\\x${hex2(p.major)}\\x${hex2(p.minor)}\\x${hex2(p.revision)}', 'latin1')`,
  )
  lines.push(
    '',
    `export const FRAME_METHOD = ${spec.frames['method']}`,
    `export const FRAME_HEADER = ${spec.frames['header']}`,
  )
  lines.push(
    `export const FRAME_BODY = ${spec.frames['body']}`,
    `export const FRAME_HEARTBEAT = ${spec.frames['heartbeat']}`,
  )
  lines.push(
    `export const FRAME_END = ${spec.frames['end']}`,
    `export const FRAME_MIN_SIZE = ${spec.frames['minSize']}`,
  )
  lines.push('', '/** Reply codes by name (spec section 1.2 and RabbitMQ). */', 'export const ReplyCode = {')
  for (const r of spec.replyCodes) lines.push(`  ${pascalUpper(r.name)}: ${r.code},`)
  lines.push('} as const', 'export type ReplyCode = (typeof ReplyCode)[keyof typeof ReplyCode]', '')
  lines.push('/** The name that stands in front of a reply text, and what an error with this code closes. */')
  lines.push(
    "export const replies: Record<ReplyCode, { name: string; closes: 'none' | 'channel' | 'connection' }> = {",
  )
  for (const r of spec.replyCodes) lines.push(`  ${r.code}: { name: '${r.name}', closes: '${r.closes}' },`)
  lines.push('}', '', '/** class id << 16 | method id */', 'export const MethodId = {')
  for (const m of methods) lines.push(`  ${m.pascal}: ${hex(m.fullId)} /* ${fullName(m)} */,`)
  lines.push('} as const', 'export type MethodId = (typeof MethodId)[keyof typeof MethodId]', '')
  lines.push('export const methodNames: Record<MethodId, string> = {')
  for (const m of methods) lines.push(`  ${hex(m.fullId)}: '${fullName(m)}',`)
  lines.push(
    '}',
    '',
    'export function isMethodId(id: number): id is MethodId {',
    '  return id in methodNames',
    '}',
    '',
  )
  return lines.join('\n')
}
function hex2(n: number): string {
  return n.toString(16).padStart(2, '0')
}
function pascalUpper(s: string): string {
  return pascal(s.toLowerCase().replaceAll('_', '-'))
}

function types(): string {
  const lines = ["import type { FieldTable } from '../field-table.ts'", '']
  for (const m of methods) {
    lines.push(`/** ${fullName(m)}, sent by ${m.from === 'both' ? 'either side' : `the ${m.from}`} */`)
    lines.push(`export interface ${m.pascal} {`, `  readonly id: ${hex(m.fullId)}`)
    for (const [name, type] of m.fields) lines.push(`  readonly ${camel(name)}: ${tsType[type]}`)
    lines.push('}')
  }
  const union = (name: string, list: FlatMethod[]): string =>
    `export type ${name} =\n${list.map((m) => `  | ${m.pascal}`).join('\n')}\n`
  lines.push(
    '',
    union(
      'ClientMethod',
      methods.filter((m) => m.from !== 'server'),
    ),
  )
  lines.push(
    union(
      'ServerMethod',
      methods.filter((m) => m.from !== 'client'),
    ),
  )
  lines.push(
    'export type AnyMethod = ClientMethod | ServerMethod',
    "export type ClientMethodId = ClientMethod['id']",
    '',
  )
  return lines.join('\n')
}

/** Groups consecutive bits into octets, as the wire does (LSB first). */
function slots(fields: Field[]): (Field | { bits: string[] })[] {
  const out: (Field | { bits: string[] })[] = []
  for (const f of fields) {
    const last = out.at(-1)
    if (f[1] !== 'bit') out.push(f)
    else if (last && 'bits' in last && last.bits.length < 8) last.bits.push(f[0])
    else out.push({ bits: [f[0]] })
  }
  return out
}

function parserDecoder(m: FlatMethod): string {
  const chain: string[] = []
  const raw: string[] = []
  const result: string[] = []
  let bits = 0
  for (const slot of slots(m.fields)) {
    if ('bits' in slot) {
      chain.push(`.uint8('bits${bits}')`)
      raw.push(`bits${bits}: number`)
      for (const [i, b] of slot.bits.entries())
        result.push(`    ${camel(b)}: (r.bits${bits} & ${1 << i}) !== 0,`)
      bits++
      continue
    }
    const [name, type] = slot
    const n = camel(name)
    if (type === 'octet' || type === 'short' || type === 'long') {
      chain.push(`.uint${type === 'octet' ? '8' : type === 'short' ? '16be' : '32be'}('${n}')`)
      raw.push(`${n}: number`)
      result.push(`    ${n}: r.${n},`)
    } else if (type === 'longlong') {
      chain.push(`.uint64be('${n}')`)
      raw.push(`${n}: bigint`)
      result.push(`    ${n}: Number(r.${n}),`)
    } else if (type === 'shortstr' || type === 'longstr' || type === 'table') {
      chain.push(
        `.uint${type === 'shortstr' ? '8' : '32be'}('${n}Length').buffer('${n}', { length: '${n}Length' })`,
      )
      raw.push(`${n}Length: number`, `${n}: Buffer`)
      // RabbitMQ does not look at the texts of methods that come with a message.
      const read = { shortstr: m.content ? 'anyText' : 'text', longstr: 'octets', table: 'table' }[type]
      result.push(`    ${n}: ${read}(r.${n}, r.${n}Length),`)
    } else throw new Error(`${fullName(m)}: ${type} is only known in per-message methods`)
  }
  if (m.fields.length === 0)
    return `function decode${m.pascal}(args: Buffer): T.${m.pascal} {\n  ended(args, 0)\n  return { id: ${hex(m.fullId)} }\n}`
  return [
    `const parse${m.pascal} = parser<{ ${raw.join('; ')} }>((p) =>`,
    `  p${chain.join('')},`,
    ')',
    `function decode${m.pascal}(args: Buffer): T.${m.pascal} {`,
    `  const r = parse${m.pascal}(args)`,
    `  ended(args, ${sizeExpression(m, 'r')})`,
    `  return {\n    id: ${hex(m.fullId)},`,
    ...result,
    '  }',
    '}',
  ].join('\n')
}

function sizeExpression(m: FlatMethod, of: string): string {
  let fixed = 0
  const parts: string[] = []
  for (const slot of slots(m.fields)) {
    if ('bits' in slot) fixed += 1
    else {
      const size = {
        octet: 1,
        short: 2,
        long: 4,
        longlong: 8,
        timestamp: 8,
        shortstr: 1,
        longstr: 4,
        table: 4,
        bit: 0,
      }[slot[1]]
      fixed += size
      if (slot[1] === 'shortstr' || slot[1] === 'longstr' || slot[1] === 'table')
        parts.push(`${of}.${camel(slot[0])}Length`)
    }
  }
  return [String(fixed), ...parts].join(' + ')
}

/** Straight-line code: one read a field, no parser object (these methods come once a message). */
function straightDecoder(m: FlatMethod): string {
  const body: string[] = []
  const result: string[] = []
  // Behind a short string the length checked at the start no longer covers what follows.
  let variable = false
  let bits = 0
  for (const slot of slots(m.fields)) {
    if ('bits' in slot) {
      if (variable) body.push('  need(args, at + 1)')
      body.push(`  const bits${bits} = args[at]`, '  at += 1')
      for (const [i, b] of slot.bits.entries())
        result.push(`    ${camel(b)}: (bits${bits} & ${1 << i}) !== 0,`)
      bits++
      continue
    }
    const n = camel(slot[0])
    const size = slot[1] === 'longlong' ? 8 : slot[1] === 'short' ? 2 : 0
    if (variable && size > 0) body.push(`  need(args, at + ${size})`)
    if (slot[1] === 'short') body.push(`  const ${n} = (args[at] << 8) | args[at + 1]`, '  at += 2')
    else if (slot[1] === 'longlong')
      body.push(`  const ${n} = args.readUInt32BE(at) * 4294967296 + args.readUInt32BE(at + 4)`, '  at += 8')
    else if (slot[1] === 'shortstr') {
      if (variable) body.push('  need(args, at + 1)')
      variable = true
      body.push(
        `  const ${n}End = at + 1 + args[at]`,
        `  need(args, ${n}End)`,
        `  const ${n} = octetText(args, at + 1, ${n}End)`,
        `  at = ${n}End`,
      )
    } else throw new Error(`${fullName(m)}: no straight-line decoder for ${slot[1]}`)
    result.push(`    ${n},`)
  }
  const min = sizeExpression(m, '').split(' + ')[0]
  return [
    `export function decode${m.pascal}(args: Buffer): T.${m.pascal} {`,
    `  need(args, ${min})`,
    '  let at = 0',
    ...body,
    '  ended(args, at)',
    `  return {\n    id: ${hex(m.fullId)},`,
    ...result,
    '  }',
    '}',
  ].join('\n')
}

function decoders(): string {
  const lines = [
    "import { octetText } from '../../util/octet-text.ts'",
    "import { anyText, ended, need, octets, parser, table, text } from '../decode-support.ts'",
    "import type * as T from './methods.ts'",
    '',
  ]
  for (const m of methods) lines.push(m.perMessage ? straightDecoder(m) : parserDecoder(m), '')
  lines.push('const decoders: Record<number, (args: Buffer) => T.AnyMethod> = {')
  for (const m of methods) lines.push(`  ${hex(m.fullId)}: decode${m.pascal} /* ${fullName(m)} */,`)
  lines.push('}', '')
  lines.push(
    '/** Decodes the arguments behind the class and method id; undefined for an id that the protocol does not have. */',
  )
  lines.push('export function decodeMethod(id: number, args: Buffer): T.AnyMethod | undefined {')
  lines.push('  return decoders[id]?.(args)', '}', '')
  return lines.join('\n')
}

function encoder(m: FlatMethod): string {
  const body: string[] = []
  for (const slot of slots(m.fields)) {
    if ('bits' in slot) {
      body.push(`  w.u8(${slot.bits.map((b, i) => `(m.${camel(b)} ? ${1 << i} : 0)`).join(' | ')})`)
      continue
    }
    const write = {
      octet: 'u8',
      short: 'u16',
      long: 'u32',
      longlong: 'u64',
      shortstr: 'shortstr',
      longstr: 'longstr',
      table: 'table',
      timestamp: 'u64',
      bit: '',
    }
    body.push(`  w.${write[slot[1]]}(m.${camel(slot[0])})`)
  }
  const param = m.fields.length === 0 ? '_m' : 'm'
  const writer = body.length === 0 ? '_w' : 'w'
  return `function encode${m.pascal}(${writer}: FrameWriter, ${param}: T.${m.pascal}): void {\n${body.join('\n')}\n}`
}

function encoders(): string {
  const lines = [
    "import type { FrameWriter } from '../frame-writer.ts'",
    "import type * as T from './methods.ts'",
    '',
  ]
  for (const m of methods) lines.push(encoder(m), '')
  lines.push('/** Writes the arguments of a method, without the ids and the frame around them. */')
  lines.push('export function encodeArguments(w: FrameWriter, m: T.AnyMethod): void {', '  switch (m.id) {')
  for (const m of methods) lines.push(`    case ${hex(m.fullId)}:`, `      return encode${m.pascal}(w, m)`)
  lines.push(
    '    default: {',
    '      const never: never = m',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a template of the generated code
    '      throw new TypeError(`no encoder for ${JSON.stringify(never)}`)',
    '    }',
  )
  lines.push('  }', '}', '')
  return lines.join('\n')
}

function properties(): string {
  const lines = [
    "import { PropertyReader } from '../decode-support.ts'",
    "import type { FieldTable } from '../field-table.ts'",
  ]
  lines.push("import type { FrameWriter } from '../frame-writer.ts'", '')
  for (const [i, [name]] of spec.properties.entries())
    lines.push(`export const FLAG_${name.replaceAll('-', '_').toUpperCase()} = ${1 << (15 - i)}`)
  lines.push(
    '',
    '/** The properties of a message, as in its content header; absent ones are undefined. */',
    'export interface Properties {',
  )
  for (const [name, type] of spec.properties) lines.push(`  ${camel(name)}?: ${tsType[type]} | undefined`)
  lines.push(
    '}',
    '',
    '/** Decodes the property list that follows the flags, straight-line in the order of the flags. */',
  )
  lines.push(
    'export function decodeProperties(flags: number, buffer: Buffer, start: number, end: number): Properties {',
  )
  lines.push('  const r = new PropertyReader(buffer, start, end)', '  const p: Properties = {}')
  const read = { octet: 'u8', shortstr: 'shortstr', table: 'table', timestamp: 'u64' } as Record<
    string,
    string
  >
  for (const [i, [name, type]] of spec.properties.entries())
    lines.push(`  if (flags & ${1 << (15 - i)}) p.${camel(name)} = r.${read[type]}()`)
  lines.push('  r.ended()', '  return p', '}', '', '/** Writes the flags and the property list. */')
  lines.push('export function encodeProperties(w: FrameWriter, p: Properties): void {', '  w.u16(')
  lines.push(
    `${spec.properties
      .map(([name], i) => `    (p.${camel(name)} === undefined ? 0 : ${1 << (15 - i)})`)
      .join(' |\n')},`,
    '  )',
  )
  const write = { octet: 'u8', shortstr: 'shortstr', table: 'table', timestamp: 'u64' } as Record<
    string,
    string
  >
  for (const [name, type] of spec.properties)
    lines.push(`  if (p.${camel(name)} !== undefined) w.${write[type]}(p.${camel(name)})`)
  lines.push('}', '')
  return lines.join('\n')
}

emit('constants.ts', constants())
emit('methods.ts', types())
emit('decode.ts', decoders())
emit('encode.ts', encoders())
emit('properties.ts', properties())
