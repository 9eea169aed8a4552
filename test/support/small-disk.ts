/** Small file systems that a test can fill; only root may mount them. */
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, closeSync, ftruncateSync, openSync, rmSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'

const SIZE_BYTES = 512 * 1024 * 1024
const BALLAST = 'ballast'
const MEBIBYTE = Buffer.alloc(1024 * 1024, 1)

export class SmallDisk {
  readonly dir: string

  private constructor(dir: string) {
    this.dir = dir
  }

  /** ext4 in a file beside that empty folder. */
  static mount(dir: string): SmallDisk {
    const image = `${dir}.disk`
    const file = openSync(image, 'w')
    ftruncateSync(file, SIZE_BYTES)
    closeSync(file)
    execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', image])
    execFileSync('mount', ['-o', 'loop', image, dir])
    rmSync(join(dir, 'lost+found'), { recursive: true, force: true })
    return new SmallDisk(dir)
  }

  /** Nothing more can be written. */
  fill(): void {
    const ballast = join(this.dir, BALLAST)
    for (const piece of [MEBIBYTE, MEBIBYTE.subarray(0, 4096)])
      for (;;)
        try {
          appendFileSync(ballast, piece)
        } catch (error) {
          if ((error as { code?: string }).code !== 'ENOSPC') throw error
          break
        }
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.dir)
    return bavail * bsize
  }

  makeRoom(): void {
    rmSync(join(this.dir, BALLAST), { force: true })
  }

  unmount(): void {
    spawnSync('umount', ['-l', this.dir])
    rmSync(`${this.dir}.disk`, { force: true })
  }
}

/** Tried in a folder of its own below that one. */
export function canMount(dir: string): boolean {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return false
  const image = join(dir, 'probe.disk')
  const { status } = spawnSync('sh', [
    '-c',
    `truncate -s 8M '${image}' && mkfs.ext4 -q -F '${image}' && mkdir '${image}.d' && mount -o loop '${image}' '${image}.d' && umount '${image}.d'`,
  ])
  rmSync(image, { force: true })
  rmSync(`${image}.d`, { recursive: true, force: true })
  return status === 0 && dirname(image) === dir
}
