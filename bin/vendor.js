// Bundles the packages that a user's package manager would complain about into dist/vendor, and makes dist use them:
// lmdb has an install script, and dependencies of fastify and pino-pretty have releases that require a newer Node than
// we do. Bundling also gives every user the versions of package-lock.json, which the tests check.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'

/** The packages to bundle. `external`: packages that they import and that are not bundled. */
export const bundled = ['lmdb', 'fastify', '@fastify/multipart', 'pino-pretty']
const external = ['pino', 'msgpackr-extract', /^@lmdb\//, /^node:/]
/**
 * Modules that take 5 ms or more to load, each as the path by which it is resolved from package to package. Each is
 * loaded in a turn of its own.
 */
const parts = {
  fastify: [
    ['semver'],
    ['find-my-way'],
    ['light-my-request'],
    ['@fastify/ajv-compiler', 'ajv/dist/compile/codegen'],
    ['@fastify/ajv-compiler', 'ajv/dist/core'],
    ['@fastify/ajv-compiler', 'ajv'],
    ['@fastify/ajv-compiler', 'ajv-formats'],
    ['@fastify/ajv-compiler'],
    ['fast-json-stringify'],
    ['@fastify/fast-json-stringify-compiler'],
  ],
}

/** What the bundles use instead of globals, which users' tests may replace by fakes: see src/util/timers.ts. */
const REAL = `'use strict'
const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate } = require('node:timers')
const global = globalThis.process
const fail = (error) => void setImmediate(() => { throw error })
const queueMicrotask = (action) => void Promise.resolve().then(() => action()).catch(fail)
// Fakes that were there before us are known by their clock.
const isFake = global.nextTick.clock !== undefined
const nextTick = isFake ? (action, ...args) => queueMicrotask(() => action(...args)) : global.nextTick
const process = Object.create(global, { nextTick: { value: nextTick } })
module.exports = {
  setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate, queueMicrotask, process,
}
`
/** Hides FormData: even checking for it makes Node load all of fetch (40 ms), for a method that is never called. */
const WITHOUT_FORM_DATA = 'const globalThis = Object.create(global, { FormData: { value: undefined } })\n'
const intro = (name) =>
  `${name === '@fastify/multipart' ? WITHOUT_FORM_DATA : ''}const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate, queueMicrotask, process } = require('${'../'.repeat(name.split('/').length)}real.cjs')`

const LICENCE_FILE = /^(licen[cs]e|copying)(\.|-|$)/i

/** Writes dist/vendor: a folder for each package, the licences of all bundled packages, and the SBOM. */
export async function vendor(root) {
  const { rolldown } = await import('rolldown')
  const out = join(root, 'dist', 'vendor')
  rmSync(out, { recursive: true, force: true })
  const require = createRequire(join(root, 'package.json'))
  const inside = new Set()
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, 'real.cjs'), REAL)
  for (const name of bundled) {
    const dir = join(out, name)
    const bundle = await rolldown({
      input: ENTRY,
      plugins: [inParts(name, require)],
      platform: 'node',
      external,
      logLevel: 'silent',
    })
    const { output } = await bundle.write({
      file: join(dir, 'parts.cjs'),
      format: 'cjs',
      codeSplitting: false,
      intro: intro(name),
      // Removes comments but keeps names, not for size but so that the bundle loads as fast as the packages themselves.
      minify: { compress: false, mangle: false, codegen: true },
      comments: false,
    })
    await bundle.close()
    for (const file of output.flatMap((o) => Object.keys(o.modules ?? {}))) inside.add(packageOf(root, file))
    inside.delete(undefined)
    // The search for native builds needs the package name.
    writeFileSync(join(dir, 'package.json'), `${JSON.stringify({ name, type: 'commonjs' })}\n`)
    writeFileSync(join(dir, 'index.cjs'), "module.exports = require('./parts.cjs').all()\n")
    const names = Object.keys(require(join(dir, 'index.cjs'))).filter((n) => /^[a-z_$][\w$]*$/i.test(n))
    const named = names.filter((n) => n !== 'default').map((n) => `export const ${n} = all.${n}\n`)
    // Loads with require, because import would first parse the whole bundle to find its exports.
    const load = `import { createRequire } from 'node:module'\n\nconst { all: load, parts } = createRequire(import.meta.url)('./parts.cjs')\n`
    const turns = parts[name] === undefined ? '' : `for (const part of parts) await part()\n`
    const exported = `${named.join('')}export default all.default ?? all\n`
    writeFileSync(join(dir, 'index.mjs'), `${load}${turns}const all = load()\n${exported}`)
  }
  // The management UI contains Preact.
  inside.add('node_modules/preact')
  const packages = [...inside].sort()
  writeFileSync(join(out, 'LICENSES.txt'), licences(root, packages))
  const sbom = billOfMaterials(root, packages)
  writeFileSync(join(root, 'dist', 'sbom.cdx.json'), `${JSON.stringify(sbom, null, 2)}\n`)
}

/** The entry of a bundle: `all` loads the package, `parts` its slow modules, each in a turn of the event loop. */
const ENTRY = '\0entry'

function inParts(name, require) {
  const found = (parts[name] ?? []).map((path) =>
    path.reduce((from, to) => createRequire(from).resolve(to), require.resolve(name)),
  )
  const load = (file) => `require(${JSON.stringify(file)})`
  const turn = (file) => `() => new Promise((done) => setImmediate(done)).then(() => void ${load(file)})`
  return {
    name: 'in parts',
    resolveId: (id) => (id === ENTRY ? id : null),
    load: (id) =>
      id === ENTRY
        ? `exports.all = () => ${load(require.resolve(name))}\nexports.parts = [${found.map(turn)}]\n`
        : null,
  }
}

/** The package of a file as package-lock.json names it: `node_modules/a/node_modules/b`; undefined if in none. */
function packageOf(root, file) {
  const path = relative(root, file.replace(/^\0/, '').replace(/\?.*$/, '')).split(sep)
  const at = path.lastIndexOf('node_modules')
  if (at < 0) return undefined
  return path.slice(0, at + (path[at + 1].startsWith('@') ? 3 : 2)).join('/')
}

function manifest(root, path) {
  return JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'))
}

/** Joins the licences of the packages. @throws Error if a package has neither a licence file nor a licence field */
function licences(root, packages) {
  const parts = packages.map((path) => {
    const { name, version, license, author } = manifest(root, path)
    const file = readdirSync(join(root, path)).find((f) => LICENCE_FILE.test(f))
    if (file === undefined && license === undefined) throw new Error(`${path} has no licence`)
    const holder = typeof author === 'object' ? author.name : author
    const text =
      file === undefined
        ? `Licence: ${license}. Author: ${holder ?? 'see its repository'}`
        : readFileSync(join(root, path, file), 'utf8').trim()
    return `${name} ${version} (${license})\n\n${text}\n`
  })
  return parts.join(`\n${'-'.repeat(80)}\n\n`)
}

/** The SBOM in CycloneDX 1.5: the packages that an installation contains, including the bundled ones. */
function billOfMaterials(root, packages) {
  const own = manifest(root, '.')
  const { packages: locked } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const component = (path, isBundled) => {
    const { version, license, integrity, optional } = locked[path]
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
    const [algorithm, digest] = integrity?.split('-') ?? []
    return {
      type: 'library',
      'bom-ref': `${purl}${isBundled ? '#bundled' : ''}`,
      name,
      version,
      purl,
      scope: optional ? 'optional' : 'required',
      licenses: [license.includes(' ') ? { expression: license } : { license: { id: license } }],
      ...(algorithm === 'sha512'
        ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }] }
        : {}),
      ...(isBundled ? { properties: [{ name: 'leveret:bundled', value: 'dist/vendor' }] } : {}),
    }
  }
  const production = Object.keys(locked).filter((p) => p !== '' && !locked[p].dev && !locked[p].devOptional)
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': `pkg:npm/${own.name}@${own.version}`,
        name: own.name,
        version: own.version,
        licenses: [{ license: { id: own.license } }],
      },
    },
    components: [...production.map((p) => component(p, false)), ...packages.map((p) => component(p, true))],
  }
}

/** Makes the modules in a folder and its subfolders, except for dist/vendor, import the bundled packages. */
export function useVendored(root, dir, extension) {
  const vendored = join(root, 'dist', 'vendor')
  const of = bundled.join('|')
  const pattern = new RegExp(
    `(\\bfrom |\\bimport |\\bimport\\(|\\brequire\\)?\\(|\\)\\()(['"])(${of})\\2`,
    'g',
  )
  for (const f of readdirSync(dir, { recursive: true })) {
    const file = join(dir, f)
    if (!/\.(js|d\.ts)$/.test(file) || file.startsWith(vendored) || !statSync(file).isFile()) continue
    const text = readFileSync(file, 'utf8')
    const used = file.endsWith('.d.ts')
      ? text
      : text.replace(pattern, (_, before, quote, name) => {
          const kind = before.endsWith('(') && before !== 'import(' ? 'cjs' : extension
          const target = relative(dirname(file), join(vendored, name, `index.${kind}`))
          return `${before}${quote}${target.startsWith('.') ? '' : './'}${target.split(sep).join('/')}${quote}`
        })
    if (used !== text) writeFileSync(file, used)
  }
}
