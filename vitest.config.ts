import { availableParallelism } from 'node:os'
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

/** Short files that take long: in a clone, which knows no times yet, Vitest begins with the large ones. */
const LONG = [
  'test/conformance/connection.test.ts',
  'test/faults/http-floods.test.ts',
  'test/cluster/standby-login.test.ts',
  'test/faults/junk.test.ts',
  'test/embedding/fake-timers.test.ts',
  'test/shovel/own.test.ts',
  'test/management/tail-bounds.test.ts',
]

/** The end of a run does not wait for one of these. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean => LONG.some((f) => moduleId.endsWith(f))
    const sorted = await super.sort(files)
    return [...sorted.filter(isLong), ...sorted.filter((f) => !isLong(f))]
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

export default defineConfig({
  plugins: isBuilt ? [built] : [],
  test: {
    server: { deps: { external: [/[/\\]build[/\\].*\.js$/] } },
    sequence: { sequencer: LongFirst },
    globalSetup: ['test/support/scratch.ts'],
    setupFiles: ['test/support/setup.ts'],
    // All invariants, the dear ones too.
    env: { LEVERET_CHECKS: 'all' },
    // More than there are processors: the tests wait for sockets and disks in between.
    maxWorkers: availableParallelism() + 2,
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
