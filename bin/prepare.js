// Prepares a clone for `npm start` and `npm test`: installs and builds, each only if something has changed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [task, ...rest] = process.argv.slice(2)
const windows = process.platform === 'win32'

function run(command, args) {
  const path = [join(root, 'node_modules', '.bin'), process.env.PATH].join(windows ? ';' : ':')
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: windows,
    env: { ...process.env, PATH: path },
  })
  if (status !== 0) process.exit(status ?? 1)
}

/** Runs the step unless its result exists (`done`) and was made from the same input. */
async function once(stamp, input, done, step) {
  const file = join(root, stamp)
  if (done() && existsSync(file) && readFileSync(file, 'utf8') === input) return
  rmSync(file, { force: true })
  await step()
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, input)
}

function digest(files) {
  const hash = createHash('sha256')
  for (const f of files) hash.update(relative(root, f)).update('\0').update(readFileSync(f)).update('\0')
  return hash.digest('hex')
}

function filesBelow(dir) {
  return readdirSync(dir, { recursive: true })
    .map((f) => join(dir, f))
    .filter((f) => statSync(f).isFile())
    .sort()
}

async function install() {
  const lock = join(root, 'package-lock.json')
  const modules = join(root, 'node_modules')
  await once(
    'node_modules/.leveret-install',
    digest([lock]),
    () => existsSync(join(modules, 'lmdb')),
    // A production install has no compiler, but the build needs it: include the development packages.
    () => run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']),
  )
}

/** Copies the compiler's output to build/ for the tests, because bundling removes the single modules from dist. */
function keepModules() {
  const [dist, modules] = [join(root, 'dist'), join(root, 'build')]
  rmSync(modules, { recursive: true, force: true })
  const isModule = (f) =>
    f === dist || (f !== join(dist, 'web') && (f.endsWith('.js') || statSync(f).isDirectory()))
  cpSync(dist, modules, { recursive: true, filter: isModule })
}

async function build() {
  const inputs = [
    join(root, 'tsconfig.json'),
    join(root, 'tsconfig.build.json'),
    join(root, 'package-lock.json'),
    join(root, 'bin', 'vendor.js'),
    join(root, 'bin', 'bundle.js'),
    join(root, 'bin', 'modules.js'),
    ...filesBelow(join(root, 'src')),
  ]
  await once(
    'dist/.leveret-build',
    digest(inputs),
    () => existsSync(join(root, 'dist', 'main.js')) && existsSync(join(root, 'build', 'main.js')),
    () => {
      // The management UI has a build of its own.
      for (const f of existsSync(join(root, 'dist')) ? readdirSync(join(root, 'dist')) : [])
        if (f !== 'web') rmSync(join(root, 'dist', f), { recursive: true, force: true })
      run('tsc', ['-p', 'tsconfig.build.json'])
      keepModules()
      run('node', ['bin/modules.js'])
    },
  )
}

/** Builds the management UI. */
async function buildWeb() {
  await once(
    'dist/web/.leveret-build',
    digest([join(root, 'package-lock.json'), ...filesBelow(join(root, 'web'))]),
    () => existsSync(join(root, 'dist', 'web', 'index.html')),
    () => run('vite', ['build', 'web']),
  )
}

/** Builds CommonJS modules for programs that call require(), such as tests under jest. */
async function buildForRequire() {
  const target = join(root, 'dist', 'cjs')
  await once(
    'dist/cjs/.leveret-build',
    digest([join(root, 'tsconfig.cjs.json'), join(root, 'dist', '.leveret-build')]),
    () => existsSync(join(target, 'index.js')),
    async () => {
      run('tsc', ['-p', 'tsconfig.cjs.json'])
      const { useVendored } = await import('./vendor.js')
      useVendored(root, target, 'cjs')
      const imports = { '#require': './require.js', '#web-folder': './web-folder.js' }
      writeFileSync(join(target, 'package.json'), `${JSON.stringify({ type: 'commonjs', imports })}\n`)
      writeFileSync(join(target, 'require.js'), 'module.exports = require\n')
      writeFileSync(
        join(target, 'web-folder.js'),
        "exports.webFolder = new URL('../web/', require('node:url').pathToFileURL(__filename))\n",
      )
    },
  )
}

await install()
switch (task) {
  case 'start': {
    await build()
    await buildWeb()
    const built = performance.now()
    const { main } = await import('../dist/main.js')
    await main(['start', ...rest], built)
    break
  }
  case 'test':
    await build()
    await buildWeb()
    await buildForRequire()
    process.env.LEVERET_TEST_BUILD = 'yes'
    // With the name of a file or a test, run it whichever stage it belongs to.
    run('vitest', ['run', ...(rest.length === 0 ? ['--project', 'shared', '--project', 'coverage'] : rest)])
    break
  case 'faults':
    await build()
    process.env.LEVERET_TEST_BUILD = 'yes'
    run('vitest', ['run', '--project', 'faults', ...rest])
    break
  case 'oracle':
    await build()
    run('vitest', ['run', '--config', 'test/oracle.config.ts', ...rest])
    break
  case 'cluster':
    await build()
    run('vitest', ['run', '--config', 'test/cluster.config.ts', ...rest])
    break
  case 'torture:cluster':
    await build()
    process.env.ROUNDS ??= '20'
    run('vitest', [
      'run',
      '--config',
      'test/cluster.config.ts',
      'test/cluster/engine/torture.test.ts',
      ...rest,
    ])
    break
  case 'demo':
    await build()
    await import('./cluster-demo.js')
    break
  case 'interop':
    await build()
    run('vitest', ['run', '--config', 'test/interop.config.ts', ...rest])
    break
  case 'bench':
    await build()
    run('tsc', ['-p', 'test/bench/tsconfig.json'])
    run('node', ['node_modules/.cache/leveret-bench/test/bench/run.js', ...rest])
    break
  case 'torture':
    await build()
    run('tsc', ['-p', 'test/torture/tsconfig.json'])
    run('node', ['node_modules/.cache/leveret-torture/test/torture/run.js', ...rest])
    break
  case 'bench:micro':
    run('vitest', ['bench', '--run', ...rest])
    break
  case 'generate':
    run('tsc', ['-p', 'spec/tsconfig.json'])
    run('node', ['node_modules/.cache/leveret-spec/generate.js'])
    break
  case 'web':
    await build()
    await buildWeb()
    run('vitest', ['run', '--config', 'test/web.config.ts', ...rest])
    break
  default:
    await build()
    await buildWeb()
    await buildForRequire()
}
