/** One call of the system that fails beneath a broker that is a process of its own: the n-th of a kind on its data folder. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [FOLDER, FILE, KIND, NUMBER, CODE, HIT] = [
  'LEVERET_TEST_FOLDER',
  'LEVERET_TEST_FILE',
  'LEVERET_TEST_KIND',
  'LEVERET_TEST_NUMBER',
  'LEVERET_TEST_CODE',
  'LEVERET_TEST_HIT',
] as const

/** Between everything in the process and the system. The file of `HIT` says what has failed. */
const source = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
static atomic_int calls;
static int fails(int fd, const char *kind, const char *name) {
  const char *wanted = getenv("${KIND}"), *folder = getenv("${FOLDER}");
  if (fd < 0 || !wanted || !folder || strcmp(kind, wanted) != 0) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < (ssize_t)strlen(folder) || strncmp(path, folder, strlen(folder)) != 0) return 0;
  path[n] = 0;
  const char *file = getenv("${FILE}");
  if (file && *file && strcmp(path + strlen(folder), file) != 0) return 0;
  if (atomic_fetch_add(&calls, 1) + 1 != atoi(getenv("${NUMBER}"))) return 0;
  int hit = open(getenv("${HIT}"), O_WRONLY | O_CREAT, 0600);
  dprintf(hit, "%s of %s", name, path + strlen(folder));
  close(hit);
  errno = strcmp(getenv("${CODE}"), "ENOSPC") == 0 ? ENOSPC : EIO;
  return 1;
}
#define WRAP(type, failure, kind, name, parameters, arguments) \\
  type name parameters { \\
    static type (*real) parameters; \\
    if (!real) real = dlsym(RTLD_NEXT, #name); \\
    return fails(fd, kind, #name) ? failure : real arguments; \\
  }
WRAP(ssize_t, -1, "write", pwritev, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
WRAP(ssize_t, -1, "write", pwritev64, (int fd, const struct iovec *v, int n, off64_t at), (fd, v, n, at))
WRAP(ssize_t, -1, "write", pwrite, (int fd, const void *b, size_t n, off_t at), (fd, b, n, at))
WRAP(ssize_t, -1, "write", pwrite64, (int fd, const void *b, size_t n, off64_t at), (fd, b, n, at))
WRAP(ssize_t, -1, "write", write, (int fd, const void *b, size_t n), (fd, b, n))
WRAP(ssize_t, -1, "write", writev, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(int, -1, "sync", fdatasync, (int fd), (fd))
WRAP(int, -1, "sync", fsync, (int fd), (fd))
WRAP(int, -1, "size", ftruncate, (int fd, off_t n), (fd, n))
WRAP(int, -1, "size", ftruncate64, (int fd, off64_t n), (fd, n))
WRAP(void *, MAP_FAILED, "map", mmap, (void *a, size_t n, int p, int f, int fd, off_t at), (a, n, p, f, fd, at))
WRAP(void *, MAP_FAILED, "map", mmap64, (void *a, size_t n, int p, int f, int fd, off64_t at), (a, n, p, f, fd, at))
`

export const kinds = ['write', 'sync', 'size', 'map'] as const
export type Kind = (typeof kinds)[number]

export interface FailingCall {
  readonly kind: Kind
  /** From 1. */
  readonly number: number
  readonly code: 'EIO' | 'ENOSPC'
  /** Such as `/data.mdb`; undefined: any file of the folder. */
  readonly file?: string | undefined
}

/** It needs a C compiler, and Linux. */
export const canFailCalls = process.platform === 'linux' && spawnSync('gcc', ['--version']).status === 0

/** Returns the library that makes calls fail. @param dir for it and its source */
export function buildFailingCalls(dir: string): string {
  const [text, file] = [join(dir, 'calls.c'), join(dir, 'calls.so')]
  writeFileSync(text, source)
  const options = ['-shared', '-fPIC', '-fno-builtin', '-o', file, text, '-ldl']
  const { status, stderr } = spawnSync('gcc', options, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return file
}

/** @param hit the file that says which call has failed */
export function failingCall(
  library: string,
  folder: string,
  hit: string,
  call: FailingCall,
): Readonly<Record<string, string>> {
  return {
    LD_PRELOAD: library,
    [FOLDER]: folder,
    [FILE]: call.file ?? '',
    [KIND]: call.kind,
    [NUMBER]: String(call.number),
    [CODE]: call.code,
    [HIT]: hit,
  }
}

/** undefined if the call has not failed, since there were not so many. */
export function failedCall(hit: string): string | undefined {
  return existsSync(hit) ? readFileSync(hit, 'utf8') : undefined
}
