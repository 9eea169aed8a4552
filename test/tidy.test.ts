/** Guards the shape of the code: see docs/architecture.md. Waivers may only become fewer. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FAULTS } from '../vitest.config.ts'

const FILE_LINES_MAX = 400
const FUNCTION_LINES_MAX = 70

const files = (dir: string): string[] =>
  readdirSync(dir, { recursive: true })
    .map((f) => join(dir, String(f)).replaceAll('\\', '/'))
    .filter((f) => f.endsWith('.ts') && !f.includes('/generated/'))
const webSources = readdirSync('web/src', { recursive: true })
  .map((f) => join('web/src', String(f)).replaceAll('\\', '/'))
  .filter((f) => /\.tsx?$/.test(f))
const sources = files('src').filter((f) => !f.endsWith('.bench.ts'))
/** Benchmarks are no tests: they measure for a while. */
const tests = new Map(
  files('test')
    .filter((f) => !f.startsWith('test/bench/') && f !== 'test/tidy.test.ts')
    .map((f) => [f, readFileSync(f, 'utf8')]),
)
const text = new Map(sources.map((f) => [f, readFileSync(f, 'utf8')]))

/**
 * Which folders of src may import which; `types` marks imports of types only. From the bottom to the top: a folder may only
 * name those above it in this list, so there is no way back.
 */
const allowed: Record<string, { any: string[]; types?: string[] }> = {
  limits: { any: [] },
  util: { any: ['limits'] },
  protocol: { any: ['util', 'limits'] },
  storage: { any: ['util'] },
  alarms: { any: ['limits'], types: ['util'] },
  security: { any: ['protocol', 'util', 'limits'], types: ['storage'] },
  broker: { any: ['protocol', 'util', 'limits'], types: ['storage'] },
  model: { any: ['broker', 'security', 'storage', 'util'] },
  operations: { any: ['broker', 'security', 'protocol', 'util', 'limits'] },
  output: { any: ['broker', 'protocol', 'util', 'limits'] },
  channel: {
    any: ['output', 'operations', 'broker', 'protocol', 'util', 'limits'],
    types: ['security'],
  },
  connection: {
    any: ['channel', 'output', 'broker', 'security', 'protocol', 'util', 'limits'],
    types: ['operations', 'model', 'alarms'],
  },
  config: { any: ['connection', 'security', 'operations', 'util', 'limits'], types: ['model'] },
  shovel: { any: ['operations', 'connection', 'security', 'protocol', 'util', 'limits'], types: ['model'] },
  definitions: {
    any: ['shovel', 'operations', 'broker', 'security', 'protocol', 'util', 'limits'],
    types: ['model'],
  },
  management: {
    any: [
      'definitions',
      'shovel',
      'operations',
      'channel',
      'connection',
      'broker',
      'security',
      'storage',
      'protocol',
      'util',
      'limits',
    ],
    types: ['model', 'alarms', 'config'],
  },
  metrics: { any: ['management', 'broker', 'util', 'limits'], types: ['config', 'connection', 'channel'] },
  cluster: { any: ['connection', 'storage', 'util'], types: ['config', 'management'] },
  cli: { any: ['util', 'cluster', 'shovel'], types: ['config', 'management'] },
  node: {
    any: [
      'cluster',
      'metrics',
      'management',
      'definitions',
      'shovel',
      'model',
      'operations',
      'connection',
      'broker',
      'security',
      'storage',
      'alarms',
      'util',
      'limits',
    ],
    types: ['config'],
  },
  embedding: {
    any: ['node', 'cluster', 'operations', 'config', 'protocol', 'connection', 'util', 'limits'],
    types: ['broker'],
  },
  process: { any: ['node', 'config', 'util'], types: ['cli'] },
  main: { any: ['process', 'cli', 'storage', 'util'] },
  index: {
    any: ['embedding', 'node', 'config', 'storage', 'util'],
    types: ['operations', 'connection', 'security'],
  },
}

/** What a file imports, at the start or later. */
function imports(file: string): { from: string; typeOnly: boolean }[] {
  const source = text.get(file) ?? ''
  const atStart = [...source.matchAll(/^(?:import|export) (type )?[^'"]*?from ['"]([^'"]+)['"]/gms)]
  const later = [...source.matchAll(/\bimport\(['"]([^'"]+)['"]\)/g)]
  return [
    ...atStart.map((m) => ({ typeOnly: m[1] !== undefined, from: m[2] as string })),
    ...later.map((m) => ({ typeOnly: false, from: m[1] as string })),
  ]
}

/** The part of src that a file belongs to: a folder, or a file at its root. */
function partOf(path: string): string {
  return (path.split('/')[1] as string).replace(/\.ts$/, '')
}

function folderOf(file: string, target: string): string {
  return partOf(join(file, '..', target).replaceAll('\\', '/'))
}

describe('imports', () => {
  it('point one way', () => {
    const wrong: string[] = []
    for (const f of sources) {
      const folder = partOf(f)
      const rule = allowed[folder] ?? { any: [] }
      for (const { from, typeOnly } of imports(f)) {
        if (!from.startsWith('.')) continue
        const to = folderOf(f, from)
        if (to === folder || rule.any.includes(to) || (typeOnly && rule.types?.includes(to))) continue
        wrong.push(`${f} -> ${from}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('have a direction, types included: nothing leads back', () => {
    const order = Object.keys(allowed)
    expect(new Set(sources.map(partOf))).toEqual(new Set(order))
    const back = Object.entries(allowed).flatMap(([part, { any, types = [] }]) =>
      [...any, ...types]
        .filter((to) => order.indexOf(to) >= order.indexOf(part))
        .map((to) => `${part} -> ${to}`),
    )
    expect(back).toEqual([])
  })

  it('of what holds messages: it knows no rules of queues', () => {
    const holders = sources.filter((f) => f.startsWith('src/broker/messages/'))
    expect(holders.length).toBeGreaterThan(8)
    const wrong = holders.flatMap((f) =>
      imports(f)
        .filter((i) => /^\.\.\/(?!message\.ts|content\.ts|\.\.\/)/.test(i.from))
        .map((i) => `${f} -> ${i.from}`),
    )
    expect(wrong).toEqual([])
  })

  it('of the model into routes of the HTTP API are types: changes go through operations, with a caller that has rights', () => {
    const routes = sources.filter((f) => f.startsWith('src/management/routes/'))
    const values = routes.flatMap((f) =>
      imports(f)
        .filter((i) => !i.typeOnly && i.from.startsWith('.') && folderOf(f, i.from) === 'broker')
        .map((i) => `${f} -> ${i.from}`),
    )
    expect(values).toEqual([])
  })

  it('lmdb is known only to its store', () => {
    const users = sources.filter((f) => imports(f).some((i) => i.from === 'lmdb'))
    expect(users).toEqual(['src/storage/lmdb/commits.ts', 'src/storage/lmdb/lmdb-storage.ts'])
  })

  it('every file is used', () => {
    const used = new Set(['src/index.ts', 'src/main.ts', 'src/protocol/binary-parser.d.ts'])
    for (const f of [
      ...sources,
      ...readdirSync('src/protocol/generated').map((g) => `src/protocol/generated/${g}`),
    ]) {
      const source = readFileSync(f, 'utf8')
      for (const m of source.matchAll(/(?:from |import\()['"](\.[^'"]+)['"]/g))
        used.add(join(f, '..', m[1] as string).replaceAll('\\', '/'))
    }
    expect(sources.filter((f) => !used.has(f))).toEqual([])
  })
})

describe('size', () => {
  it(`no file over ${FILE_LINES_MAX} lines`, () => {
    const all = [...sources, ...files('test'), ...webSources]
    const long = all.filter((f) => readFileSync(f, 'utf8').split('\n').length - 1 > FILE_LINES_MAX)
    expect(long).toEqual([])
  })

  it(`no function over ${FUNCTION_LINES_MAX} lines`, () => {
    const long: string[] = []
    for (const f of sources) {
      const lines = (text.get(f) ?? '').split('\n')
      lines.forEach((line, i) => {
        const open =
          /^( {0,2})(?:export )?(?:async )?(?:function\*? |(?:private |static |override |async |\*|get |set )*[\w[\].]+(?:<[^>]*>)?\()/.exec(
            line,
          )
        if (open === null || !line.endsWith('{') || line.endsWith('=> {')) return
        const end = lines.findIndex((l, j) => j > i && l === `${open[1]}}`)
        if (end - i > FUNCTION_LINES_MAX) long.push(`${f}:${i + 1}`)
      })
    }
    expect(long).toEqual([])
  })
})

describe('habits', () => {
  const linesOf = (pattern: RegExp, among: ReadonlyMap<string, string>): string[] =>
    [...among].flatMap(([f, source]) =>
      source.split('\n').flatMap((l, i) => (pattern.test(l) ? [`${f}:${i + 1} ${l.trim()}`] : [])),
    )
  const lines = (pattern: RegExp, among: string[]): string[] =>
    linesOf(pattern, new Map(among.map((f) => [f, text.get(f) ?? ''])))

  it('no escape from the type system', () => {
    expect(lines(/\bas any\b|: any\b|@ts-ignore|@ts-expect-error/, sources)).toEqual([])
  })

  it('the page has no way around the text that it shows, and no address of others', () => {
    const page = new Map(webSources.map((f) => [f, readFileSync(f, 'utf8')]))
    const wrong =
      /innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function|\bas any\b|: any\b|@ts-|https?:\/\//
    const found = [...page].flatMap(([f, source]) =>
      source.split('\n').flatMap((l, i) => (wrong.test(l) ? [`${f}:${i + 1}`] : [])),
    )
    expect(found).toEqual([])
  })

  it('regular expressions from outside are decided by Pattern alone', () => {
    expect(
      lines(
        /\bRegExp\(|\.(match|matchAll|search)\((?![/'A-Z])/,
        sources.filter((f) => !f.startsWith('src/util/pattern')),
      ),
    ).toEqual([])
  })

  it('nothing that takes long shares the threads of the store', () => {
    expect(lines(/\b(scrypt|pbkdf2)\(/, sources)).toEqual([])
  })

  it('tests wait for conditions, not for a time', () => {
    expect(tests.size).toBeGreaterThan(150)
    const waits =
      /(?<!\.)\bset(Timeout|Interval)\(|timers\/promises|\bawait (pause|sleep|wait)\(|Date\.now\(\) *[<>]/
    expect(waits.test('await new Promise((r) => setTimeout(r, 100))')).toBe(true)
    expect(unlessWaived(linesOf(waits, tests), waitWaivers)).toEqual([])
  })

  it('chance in tests comes from a seed', () => {
    expect(linesOf(/Math\.random|\brandom(Bytes|Int|UUID)\(/, tests)).toEqual([])
  })

  it('what npm test leaves to a stage of its own is there, and CI runs it', () => {
    const commands = readFileSync('.ci/run', 'utf8')
      .split('\n')
      .filter((l) => l.startsWith('npm '))
    expect(commands.slice(0, 2)).toEqual(['npm test', 'npm run test:faults'])
    for (const pattern of FAULTS)
      expect([...tests.keys()].filter((f) => f.startsWith(pattern.replace(/\*\*.*/, '')))).not.toEqual([])
  })

  it('no test gets another try', () => {
    expect(linesOf(/\bretry: *[1-9]|\bretry\(|vi\.retry|\brepeats:/, tests)).toEqual([])
    expect(linesOf(/\b(it|test|describe)\.(only|skip|todo|fails)\b/, tests)).toEqual([])
  })

  it('hooks are registered by test files: a file that they share is evaluated once for several', () => {
    const shared = [...tests].filter(([f]) => !f.endsWith('.test.ts') && f !== 'test/support/setup.ts')
    const found = linesOf(/^(after|before)(Each|All)\(/, new Map(shared))
    expect(found.filter((l) => !l.startsWith('test/fixtures/'))).toEqual([])
  })

  it('processes of tests end with the file that started them', () => {
    const starts = /\b(spawn|fork|execFile|exec)\((?!.*(?:RegExp|\/[gimsuy]*\.exec))/
    const others = new Map([...tests].filter(([f]) => f !== 'test/support/children.ts'))
    const found = linesOf(starts, others).filter((l) => !/\.exec\(/.test(l))
    expect(found).toEqual([])
  })

  it('the model asks its clock, not the system', () => {
    const model = sources.filter((f) => f.startsWith('src/broker/'))
    expect(lines(/Date\.now|setTimeout|setInterval|setImmediate|Math\.random/, model)).toEqual([])
  })

  it('nobody asks the globals for time, in whose place a program under test may have put fakes', () => {
    const own = ['src/util/timers.ts', 'src/util/service.ts', 'src/main.ts']
    const broker = sources.filter((f) => !own.includes(f) && !f.startsWith('src/cli/'))
    const timers =
      /(?<!\bsocket\.)\b(set|clear)(Timeout|Interval|Immediate)\(|\bDate\.now\b|new Date\(\)|\bperformance\.now|nextTick|queueMicrotask|'node:timers/
    expect(lines(timers, broker)).toEqual([])
  })

  it('the HTTP API and the command line change nothing but through operations', () => {
    const outside = sources.filter((f) => /^src\/(management|metrics|cli|definitions)\//.test(f))
    const model = String.raw`(vhost|v|vhost\(\)|broker|q|queue|x|exchange|users|policies|segment|bindings|routing)`
    const change = new RegExp(
      `\\b${model}\\??\\.((set|add|put|remove|create|restore|rename|install)\\w*|publish|settle|takeGot|purge|consume|cancel|destroy|delete|bind|unbind|configure|redeclared|removeReady)\\(|\\b${model}\\.\\w+ =[^=>]|\\b(vhosts|queues|exchanges)\\.(set|delete|clear)\\(`,
    )
    expect(change.test('q.purge()') && change.test('vhost.tracer = undefined')).toBe(true)
    expect(lines(change, outside)).toEqual([])
  })

  it('timers belong to a clock, whose owner is charged with what they throw', () => {
    const clocks = ['src/util/clock.ts', 'src/util/service.ts']
    const others = sources.filter((f) => !clocks.includes(f) && !f.startsWith('src/cli/'))
    expect(lines(/(?<!\bsocket\.)\bset(Timeout|Interval|Immediate)\(|\bnextTick\(/, others)).toEqual([])
  })

  it('what is due at a time of day is left to atTime, since the clock may jump', () => {
    const others = sources.filter((f) => f !== 'src/util/clock.ts')
    expect(lines(/\bafter\(.*\b(now\(\)|now\b.*-|- now\b)/, others)).toEqual([])
  })

  it('promises that nobody waits for have somebody who hears their failure', () => {
    expect(lines(/^\s*void [\w.]+(\(.*\))?\.then\(|=> void this\.\w+\(.*\)\.then\(/, sources)).toEqual([])
  })

  it('sockets have a listener for their errors from the beginning', () => {
    const hears = /\bawait listen\(|hearErrors|\.on\('error'/
    const holds = /\bcreate(Tls)?Server\(|'upgrade'|\bconnect\(|new Socket\(|\bspawn\(/
    const deaf = sources.filter((f) => holds.test(text.get(f) ?? '') && !hears.test(text.get(f) ?? ''))
    expect(deaf).toEqual(socketWaivers)
  })

  it('only the rows of kinds know a queue kind by name', () => {
    const others = sources.filter((f) => !f.startsWith('src/broker/queue/kinds/'))
    expect(
      lines(/\b[kK]ind(\.name|\.module)? [!=]==? '|\.isStream\b|\[?'(quorum|stream)'\]?\.includes/, others),
    ).toEqual([])
  })

  it('hot files make no closure, promise, spread or log line a message', () => {
    const hot = sources.filter((f) => text.get(f)?.startsWith('// hot: per message'))
    expect(hot.length).toBeGreaterThan(8)
    expect(
      lines(/\basync\b|\bawait\b|\bPromise\b|console\.|JSON\.(parse|stringify)/, hot).filter(
        (l) => !hotWaivers.some((w) => l.includes(w)),
      ),
    ).toEqual([])
  })
})

/** Each with what it is for: none of them decides what a test finds. */
const waitWaivers = [
  // Between two looks at a condition; how long an answer is waited for before the test has failed.
  'test/support/until.ts',
  'test/support/wire.ts',
  // How long a part of a cluster is away, and traffic goes on.
  'test/support/real-cluster.ts',
  'test/cluster/engine/',
  // A load that goes on meanwhile.
  'const timer = setInterval(() => ch.sendToQueue(',
  'const refill = setInterval(',
]

function unlessWaived(found: readonly string[], waivers: readonly string[]): string[] {
  return found.filter((l) => !waivers.some((w) => l.includes(w)))
}

/** Lines of hot files that run only when something is wrong with a message. */
const hotWaivers = ['leftover_string', 'unacceptable_type_in_header', 'unknown field type']

/** Its sockets are a connection's, which listens to them at once. */
const socketWaivers = ['src/connection/reading.ts']
