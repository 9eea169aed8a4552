/** A disk that refuses the journal's writes when it is told to, beneath a broker that is a process of its own. */
import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * What stands in the file is the error that writes to `*.journal` end with; nothing where it is not there. With HANG,
 * which only the C library knows, they do not end as long as it stands there.
 */
const FAULT_FILE = 'LEVERET_TEST_FAULT_FILE'

/** Between Node and the system: for every write that the process makes, whoever in it makes it. */
const inC = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
static ssize_t told(char *what, size_t max) {
  int file = open(getenv("${FAULT_FILE}"), O_RDONLY);
  if (file < 0) return 0;
  ssize_t n = read(file, what, max - 1);
  close(file);
  what[n > 0 ? n : 0] = 0;
  return n;
}
static int fault(int fd) {
  char link[64], path[4096], what[16];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path);
  if (n < 8 || memcmp(path + n - 8, ".journal", 8) != 0) return 0;
  while ((n = told(what, sizeof what)) > 0 && strcmp(what, "HANG") == 0) usleep(10000);
  errno = strcmp(what, "ENOSPC") == 0 ? ENOSPC : EIO;
  return n > 0;
}
#define WRAP(name, parameters, arguments) \\
  ssize_t name parameters { \\
    static ssize_t (*real) parameters; \\
    if (!real) real = dlsym(RTLD_NEXT, #name); \\
    return fault(fd) ? -1 : real arguments; \\
  }
WRAP(pwritev, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
WRAP(pwritev64, (int fd, const struct iovec *v, int n, off64_t at), (fd, v, n, at))
WRAP(pwrite, (int fd, const void *b, size_t n, off_t at), (fd, b, n, at))
WRAP(pwrite64, (int fd, const void *b, size_t n, off64_t at), (fd, b, n, at))
WRAP(write, (int fd, const void *b, size_t n), (fd, b, n))
WRAP(writev, (int fd, const struct iovec *v, int n), (fd, v, n))
`

/** The same between the broker and Node, for where there is no C compiler. */
const inNode = `
const fs = require('node:fs')
const journals = new Set()
const { open } = fs
const keep = (wrapper, original) => Object.defineProperties(wrapper, Object.getOwnPropertyDescriptors(original))
fs.open = keep((path, flags, mode, done) => open(path, flags, mode, (error, fd) => {
  if (error === null && String(path).endsWith('.journal')) journals.add(fd)
  else journals.delete(fd)
  done(error, fd)
}), open)
const fault = (fd) => {
  if (!journals.has(fd)) return undefined
  try {
    const code = fs.readFileSync(process.env.${FAULT_FILE}, 'utf8')
    return code === '' ? undefined : Object.assign(new Error(code + ': write'), { code })
  } catch {
    return undefined
  }
}
for (const name of ['writeSync', 'writevSync']) {
  const real = fs[name]
  fs[name] = keep((fd, ...rest) => {
    const error = fault(fd)
    if (error !== undefined) throw error
    return real(fd, ...rest)
  }, real)
}
for (const name of ['write', 'writev']) {
  const real = fs[name]
  fs[name] = keep((fd, ...rest) => {
    const error = fault(fd)
    if (error === undefined) real(fd, ...rest)
    else setImmediate(rest.at(-1), error)
  }, real)
}
require('node:module').syncBuiltinESMExports()
`

export type Fault = 'EIO' | 'ENOSPC' | 'HANG'

const hasCompiler = process.platform === 'linux' && spawnSync('gcc', ['--version']).status === 0

/** How a fault can be made on this machine. */
export const means: readonly ('Node' | 'the C library')[] = hasCompiler ? ['Node', 'the C library'] : ['Node']

export class FailingDisk {
  /** For the broker's process. */
  readonly environment: Readonly<Record<string, string>>
  private readonly file: string

  /** @param dir for its own files */
  constructor(dir: string, by: (typeof means)[number]) {
    this.file = join(dir, 'fault')
    this.environment = {
      [FAULT_FILE]: this.file,
      ...(by === 'Node' ? { NODE_OPTIONS: `--require ${preload(dir)}` } : { LD_PRELOAD: library(dir) }),
    }
  }

  fail(fault: Fault): void {
    writeFileSync(this.file, fault)
  }

  mend(): void {
    rmSync(this.file, { force: true })
  }
}

function preload(dir: string): string {
  const file = join(dir, 'fault.cjs')
  writeFileSync(file, inNode)
  return file
}

function library(dir: string): string {
  const [source, file] = [join(dir, 'fault.c'), join(dir, 'fault.so')]
  writeFileSync(source, inC)
  const { status, stderr } = spawnSync('gcc', ['-shared', '-fPIC', '-o', file, source, '-ldl'], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return file
}
