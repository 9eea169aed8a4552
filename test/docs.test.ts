/**
 * What the documents say exists: links, anchors, npm scripts, commands, files. And what exists is in them: settings,
 * arguments, routes.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rows } from '../src/broker/arguments/table.ts'
import { commands } from '../src/cli/ctl/commands.ts'
import { stateCommands } from '../src/cli/ctl/state.ts'
import { keys } from '../src/config/keys.ts'
import { docs as routes } from '../src/management/schemas/routes.ts'

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync('docs').map((f) => join('docs', f)),
  ...readdirSync('spec').flatMap((f) => (f.endsWith('.md') ? [join('spec', f)] : [])),
].filter((f) => f.endsWith('.md'))
const text = new Map(documents.map((f) => [f, readFileSync(f, 'utf8')]))

/** Without fenced code, where brackets and backquotes mean other things. */
const prose = (file: string): string => (text.get(file) ?? '').replace(/^```[\s\S]*?^```/gm, '')

/** As GitHub makes them of headings. */
const anchors = (file: string): string[] =>
  [...prose(file).matchAll(/^#+ (.+)$/gm)].map((m) =>
    (m[1] as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

describe.each(documents)('%s', (file) => {
  it('has links that lead somewhere', () => {
    const broken: string[] = []
    for (const [, target = ''] of prose(file).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const to = path === '' ? file : normalize(join(dirname(file), path))
      if (!existsSync(to) || (anchor !== undefined && !anchors(to).includes(anchor))) broken.push(target)
    }
    expect(broken).toEqual([])
  })

  it('names files that are there', () => {
    const missing = [...prose(file).matchAll(/`((?:src|test|docs|packaging|bin|\.ci)\/[\w./-]+)`/g)]
      .map((m) => m[1] as string)
      // A word in capitals stands for a name of the reader's own.
      .filter((f) => !/\b[A-Z]{4,}\b/.test(f) && !existsSync(f.replace(/[.,]$/, '')))
    expect(missing).toEqual([])
  })

  it('names npm scripts that are there', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: object }
    const named = [...(text.get(file) ?? '').matchAll(/npm run ([\w:]+)/g)].map((m) => m[1] as string)
    expect(named.filter((s) => !Object.hasOwn(scripts, s))).toEqual([])
  })

  it('names commands that are there', () => {
    const all = [...Object.keys(commands), ...Object.keys(stateCommands)]
    const known = new Set([...all, 'start', 'check', 'restore', 'ctl', 'config', 'completion'])
    const named = [...(text.get(file) ?? '').matchAll(/(?:^|`)leveret (?:ctl )?([a-z][a-z_]+)/gm)]
    expect(named.map((m) => m[1] as string).filter((c) => !known.has(c) && c !== 'help')).toEqual([])
  })
})

describe('docs/configuration.md', () => {
  it('names every key that has an effect, and no other', () => {
    const page = `${text.get('docs/configuration.md')}\n${text.get('docs/cluster.md')}`
    const rows = page.split('\n').filter((line) => line.startsWith('| `'))
    const named = rows.flatMap((row) => {
      let whole = ''
      return [...(row.split('|')[1] ?? '').matchAll(/`([^`\s]+)`/g)].map(([, name = '']) => {
        // `.b` behind `x.a` stands for `x.b`.
        if (name.startsWith('.')) return whole.replace(/\.[^.]*$/, name)
        whole = name
        return name
      })
    })
    // `x.*` stands for x, and for all keys below it.
    const stands = (n: string, key: string): boolean =>
      n === key || n === `${key}.*` || (n.endsWith('.*') && key.startsWith(n.slice(0, -1)))
    const inForce = Object.keys(keys)
    expect(inForce.filter((key) => !named.some((n) => stands(n, key)))).toEqual([])
    expect(named.filter((n) => !inForce.some((key) => stands(n, key)))).toEqual([])
  })
})

describe('arguments of queues', () => {
  const page = (file: string): string => text.get(file) ?? ''
  const unnamed = (names: readonly string[], where: string): string[] =>
    names.filter((name) => !new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(where))

  it('are in the reference of behaviour, or else among the extensions', () => {
    const section = /^## 10 [\s\S]*?(?=^## )/m.exec(page('spec/behaviour.md'))?.[0] ?? ''
    const known = rows.flatMap((r) => (r.extension ? [] : [r.name]))
    expect(unnamed(known, section)).toEqual([])
    const own = rows.flatMap((r) => (r.extension ? [r.name] : []))
    expect(unnamed(own, page('docs/compatibility.md'))).toEqual([])
  })
})

describe('the recipes of CONTRIBUTING.md', () => {
  /** Fewer lines could not take what a recipe adds: tidy.test.ts allows 400. */
  const ROOM = 15

  it('name files of src that have room for what is to be added', () => {
    const guide = text.get('CONTRIBUTING.md') ?? ''
    const paths = [...guide.matchAll(/`(src\/[\w/-]+\.ts)`/g)].map((m) => m[1] as string)
    const named = new Set([...paths, 'src/broker/queue/work-queue.ts', 'src/config/config-builder.ts'])
    const lines = (f: string): number => readFileSync(f, 'utf8').split('\n').length - 1
    expect([...named].filter((f) => existsSync(f) && lines(f) > 400 - ROOM)).toEqual([])
  })
})

describe('routes that RabbitMQ does not have', () => {
  /** Of releases before 4, of plugins, and the `q` of a binding, which the list calls by another name. */
  const older = ['node-is-mirror-sync-critical', 'federation-links', 'q']

  it('are in the documents', () => {
    const list = readFileSync('test/fixtures/rabbitmq-4-routes.txt', 'utf8')
    const theirs = new Set([...list.split(/[/\s]+/), ...older])
    const pages = documents.map((f) => text.get(f)).join('\n')
    const unnamed = Object.keys(routes).filter((route) => {
      const words = (route.split(' ')[1] as string).split('/').filter((w) => !w.startsWith(':'))
      return words.some((w) => !theirs.has(w) && !new RegExp(`/${w}(?![\\w-])`).test(pages))
    })
    expect(unnamed).toEqual([])
  })
})
