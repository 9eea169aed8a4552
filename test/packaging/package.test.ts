/** What a user installs: the files of the tarball, and the packages that come with it or inside of it. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import semver from 'semver'
import { describe, expect, it } from 'vitest'
import { testFolder } from '../support/folder.ts'

interface Locked {
  readonly version: string
  readonly license?: string
  readonly engines?: { readonly node?: string }
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
  readonly resolved?: string
}

interface Component {
  readonly name: string
  readonly version: string
  readonly licenses: readonly { license?: { id: string }; expression?: string }[]
  readonly properties?: readonly object[]
}

const json = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T
const own = json<{
  engines: { node: string }
  exports: { '.': { default: string; types: string; require: { default: string; types: string } } }
  bin: { leveret: string }
  dependencies: object
  optionalDependencies: object
  devDependencies: object
}>('package.json')
const locked = json<{ packages: Record<string, Locked> }>('package-lock.json').packages
const { components } = json<{ components: Component[] }>('dist/sbom.cdx.json')
const production = Object.entries(locked).filter(([path, p]) => path !== '' && p.dev !== true)

const nameOf = (path: string): string => path.replace(/^.*node_modules\//, '')

/** Installed and bundled, each as package-lock.json has it. */
const shipped = components.map(({ name, version }) => {
  const found = Object.entries(locked).find(([path, p]) => nameOf(path) === name && p.version === version)
  return { name, version, locked: found?.[1] }
})

describe('the tarball', () => {
  const r = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' })
  const packed = (JSON.parse(r.stdout) as [{ files: { path: string }[] }])[0].files.map((f) => f.path)

  it('has what package.json points to, the licence, the files of packaging/ and a bill of materials', () => {
    const { default: main, types, require } = own.exports['.']
    const needed = [main, types, require.default, require.types, own.bin.leveret, 'dist/main.js']
    for (const f of [
      ...needed,
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'packaging/Dockerfile',
      'packaging/compose.yaml',
      'packaging/leveret.service',
      'bin/require.cjs',
      'bin/web-folder.js',
      'dist/web/index.html',
      'dist/sbom.cdx.json',
      'dist/vendor/LICENSES.txt',
    ])
      expect(packed).toContain(f.replace(/^\.\//, ''))
  })

  it('has nothing else: no sources, no tests, no stamps of the build, no source maps', () => {
    const rest = packed.filter(
      (f) =>
        !/^(dist\/.*\.(js|cjs|mjs|d\.ts|json|txt)|dist\/web\/.*\.(html|css|svg)|packaging\/[^.].*|bin\/(leveret|web-folder)\.js|bin\/require\.cjs)$/.test(
          f,
        ),
    )
    expect(rest.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'])
    const named = packed
      .filter((f) => /^dist\/.*\.js$/.test(f) && existsSync(f))
      .filter((f) => /^\/\/# sourceMappingURL=(?!data:)/m.test(readFileSync(f, 'utf8')))
    expect(named).toEqual([])
  })

  it('has types that a strict program compiles with, without the packages that are bundled', () => {
    const dir = testFolder('types')
    mkdirSync(join(dir, 'node_modules', '@types'), { recursive: true })
    symlinkSync(resolve('node_modules/@types/node'), join(dir, 'node_modules/@types/node'))
    symlinkSync(resolve('node_modules/undici-types'), join(dir, 'node_modules/undici-types'))
    mkdirSync(join(dir, 'node_modules/leveret'))
    for (const f of ['dist', 'package.json']) symlinkSync(resolve(f), join(dir, 'node_modules/leveret', f))
    writeFileSync(
      join(dir, 'program.ts'),
      `import { type BrokerOptions, createBroker, type RunningBroker } from 'leveret'
const options: BrokerOptions = { port: 0 }
const broker: RunningBroker = await createBroker(options)
await broker.close()
`,
    )
    const compilerOptions = {
      module: 'NodeNext',
      target: 'ES2022',
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      preserveSymlinks: true,
      types: ['node'],
    }
    writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }))
    writeFileSync(join(dir, 'package.json'), '{ "type": "module" }')
    const tsc = spawnSync(resolve('node_modules/.bin/tsc'), ['-p', dir], { encoding: 'utf8' })
    expect(tsc.stdout).toBe('')
  })
})

describe('what is installed with it, and what is bundled in it', () => {
  it('runs on every Node that package.json names', () => {
    expect(shipped.length).toBeGreaterThan(60)
    for (const { name, version, locked: l } of shipped) {
      expect([name, version, l === undefined]).toEqual([name, version, false])
      const range = l?.engines?.node ?? '*'
      expect([name, range, semver.subset(own.engines.node, range)]).toEqual([name, range, true])
    }
  })

  it('has no install scripts, which npm and pnpm warn of', () => {
    expect(production.filter(([, p]) => p.hasInstallScript === true).map(([path]) => path)).toEqual([])
  })

  it('asks no package manager for what is bundled: other releases of that would be taken', () => {
    const bundled = components.filter((c) => c.properties !== undefined).map((c) => c.name)
    expect(bundled).toContain('fastify')
    for (const name of ['fastify', 'lmdb', 'pino-pretty', 'light-my-request', 'strip-json-comments'])
      expect([name, locked[`node_modules/${name}`]?.dev ?? true]).toEqual([name, true])
  })

  it('is under licences that allow it', () => {
    const allowed = [
      'MIT',
      'ISC',
      'BSD-2-Clause',
      'BSD-3-Clause',
      'Apache-2.0',
      '0BSD',
      'BlueOak-1.0.0',
      'Unlicense',
    ]
    for (const { name, licenses } of components)
      for (const l of licenses) expect([name, allowed.includes(l.license?.id ?? '')]).toEqual([name, true])
    const texts = readFileSync('dist/vendor/LICENSES.txt', 'utf8')
    for (const c of components.filter((x) => x.properties !== undefined))
      expect(texts).toContain(`${c.name} ${c.version} (`)
  })

  it('comes from no address that package-lock.json fixes', () => {
    expect(Object.entries(locked).filter(([, p]) => p.resolved !== undefined)).toEqual([])
  })
})

describe('docs/architecture.md', () => {
  it('has a row with reason and owner for each direct dependency', () => {
    const doc = readFileSync('docs/architecture.md', 'utf8')
    const rows = [...doc.matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map((m) => m[1] as string)
    const named = rows.flatMap((r) => r.replace(/\(.*\)/, '').split(', ')).map((n) => n.trim())
    const all = { ...own.dependencies, ...own.devDependencies }
    for (const name of Object.keys(all).filter((n) => !n.startsWith('@types/')))
      expect([name, named.includes(name)]).toEqual([name, true])
    expect(named).toContain('@lmdb/lmdb-*')
  })
})

describe('what the HTTP API is made with', () => {
  it('is loaded in several turns of the event loop, since it takes longer than others should wait', async () => {
    const script = `
      let turns = 0
      const count = () => { turns++; setImmediate(count).unref() }
      count()
      await import(${JSON.stringify(pathToFileURL(resolve('dist/vendor/fastify/index.mjs')).href)})
      console.log(turns)`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(Number(stdout)).toBeGreaterThanOrEqual(10)
  })
})
