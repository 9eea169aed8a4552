// Joins the modules of dist into a few files in dist/program: opening hundreds of files is the slowest part of a start.
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { isAbsolute, join, sep } from 'node:path'

/** Folders that are left as they are: other builds, and packages that are bundles already. */
const apart = ['cjs', 'program', 'vendor', 'web']
/** The modules that other programs and our own commands import, by their names in dist. */
const entries = ['main', 'index', 'cluster/nats-config']

/** Imports of packages, and of dist/vendor, stay imports. */
function resolveId(id) {
  const [, vendored] = id.match(/\/vendor\/(.*)$/) ?? []
  if (vendored !== undefined) return { id: `../vendor/${vendored}`, external: 'absolute' }
  return id.startsWith('.') || isAbsolute(id) ? null : { id, external: 'absolute' }
}

/** Bundles the modules that the compiler has written to dist, and removes them except for their declarations. */
export async function bundle(root) {
  const { rolldown } = await import('rolldown')
  const dist = join(root, 'dist')
  const program = join(dist, 'program')
  rmSync(program, { recursive: true, force: true })
  const modules = await rolldown({
    input: Object.fromEntries(entries.map((name) => [name.replaceAll('/', '-'), join(dist, `${name}.js`)])),
    platform: 'node',
    plugins: [{ name: 'packages', resolveId }],
    logLevel: 'silent',
  })
  // Not minified, so that stack traces can be read.
  await modules.write({ dir: program, format: 'esm', chunkFileNames: '[name].js', comments: false })
  await modules.close()
  for (const f of readdirSync(dist, { recursive: true })) {
    const file = join(dist, f)
    if (f.endsWith('.js') && !apart.includes(f.split(sep)[0]) && statSync(file).isFile()) rmSync(file)
  }
  for (const name of entries) {
    const up = name.includes('/') ? '../' : './'
    writeFileSync(join(dist, `${name}.js`), `export * from '${up}program/${name.replaceAll('/', '-')}.js'\n`)
  }
}
