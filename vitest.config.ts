import { spawnSync } from 'node:child_process'
import { availableParallelism, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { defineConfig, type Plugin } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const SRC = join(import.meta.dirname, 'src')
const BUILD = join(import.meta.dirname, 'build')

/** Looks at what the others have recorded. */
const LAST = 'test/conformance/coverage.test.ts'

/**
 * Slow by nature: broker processes that are killed again and again, disks that fail, folders that are damaged, inputs by
 * the thousand. `npm run test:faults` runs them, in CI right behind `npm test`.
 */
export const FAULTS = [
  'test/crash/**/*.test.ts',
  'test/migrate/migrate.test.ts',
  'test/migrate/tls.test.ts',
  'test/torture/fuzz.test.ts',
  'test/torture/model-seeds.test.ts',
  'test/faults/disk.test.ts',
  'test/faults/failing-store.test.ts',
  'test/storage/backup.test.ts',
  'test/storage/closing.test.ts',
  'test/storage/log/journal-seeds.test.ts',
  'test/storage/damaged.test.ts',
  'test/connection/descriptors.test.ts',
  'test/management/hostile.test.ts',
  'test/support/children.test.ts',
]

/** Files that wait for most of their time: for timeouts, delays of a second, other processes. The longest come first. */
const WAITING = [
  'test/faults/http-floods.test.ts',
  'test/conformance/connection.test.ts',
  'test/conformance/octets.test.ts',
  'test/management/insight.test.ts',
  'test/cluster/standby-login.test.ts',
  'test/shovel/mute-broker.test.ts',
  'test/connection/tls.test.ts',
  'test/faults/junk.test.ts',
  'test/security/secrets.test.ts',
  'test/shovel/shovel.test.ts',
  'test/cluster/test-cluster.test.ts',
  'test/broker/alarms.test.ts',
  'test/management/tail-bounds.test.ts',
]

/** Files that wait are spread over those that work, so that the workers do not all wait, and none is left for the end. */
class WaitingBetween extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => WAITING.findIndex((f) => moduleId.endsWith(f))
    const sorted = await super.sort(files)
    const waiting = sorted.filter((f) => place(f) >= 0).sort((a, b) => place(a) - place(b))
    const working = sorted.filter((f) => place(f) < 0)
    // Within the first half: the large ones come first, so that takes most of the time.
    const step = Math.max(1, Math.floor(working.length / 2 / (waiting.length + 1)))
    for (const [i, f] of waiting.entries()) working.splice(i * (step + 1), 0, f)
    return working
  }
}

/**
 * Imports of src/ come from build/, which Node loads by itself: Vite would take each module apart once more for each worker.
 * For commands that have built; Vitest on its own takes src/ as it is.
 */
const built: Plugin = {
  name: 'leveret:built',
  enforce: 'pre',
  resolveId(source, importer) {
    const path = importer && source.startsWith('.') ? relative(SRC, join(importer, '..', source)) : '..'
    return path.startsWith('..') ? null : { id: join(BUILD, path.replace(/\.ts$/, '.js')), external: true }
  },
}
const isBuilt = process.env['LEVERET_TEST_BUILD'] === 'yes'

/**
 * Options of V8 for the processes that run tests. These live for a minute and run most code a few times: optimizing it as
 * soon as usual, and collecting garbage in a small heap, was a quarter of their time. Programs that tests start, and `npx
 * vitest` with its benchmarks, have none of these options.
 */
const HASTY = [
  // Octets of bytecode that run before V8 thinks of optimizing a function: ten times the usual.
  '--interrupt-budget=676000',
  '--no-flush-bytecode',
  // MiB; such a process takes less than one GiB with them.
  '--min-semi-space-size=32',
  '--max-semi-space-size=64',
  '--initial-old-space-size=512',
]
const HASTY_MEMORY_MIN = 8 * 1024 ** 3

/** Those that this version of Node has: it does not start with one that it has not. */
function hastyFlags(): string[] {
  if (totalmem() < HASTY_MEMORY_MIN) return []
  const { stdout } = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' })
  return HASTY.filter((flag) => stdout.includes(` ${flag.replace(/^--no-/, '--').replace(/=.*/, '')} (`))
}

export default defineConfig({
  plugins: isBuilt ? [built] : [],
  test: {
    server: { deps: { external: [/[/\\]build[/\\].*\.js$/] } },
    sequence: { sequencer: WaitingBetween },
    globalSetup: ['test/support/scratch.ts'],
    execArgv: isBuilt ? hastyFlags() : [],
    setupFiles: ['test/support/setup.ts'],
    // All invariants, the dear ones too.
    env: { LEVERET_CHECKS: 'all' },
    // More than there are processors: the tests wait for sockets and disks in between.
    maxWorkers: availableParallelism() + 3,
    // What a test waits for comes when the machine has time for it.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Only the project `shared` has any: else each project would run all of them.
    benchmark: { include: [] },
    projects: [
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{interop,oracle,web,cluster/engine}/**', ...FAULTS, LAST],
          isolate: false,
          benchmark: { include: ['src/**/*.bench.ts'] },
        },
      },
      { extends: true, test: { name: 'faults', include: FAULTS, isolate: false } },
      {
        extends: true,
        test: { name: 'coverage', include: [LAST], isolate: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
})
