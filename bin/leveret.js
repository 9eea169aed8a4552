#!/usr/bin/env node
// Imported dynamically, so that a process whose limit of open files is too low gets a clear error message.
try {
  const { main } = await import('../dist/main.js')
  await main(process.argv.slice(2))
} catch (error) {
  if (error.code !== 'EMFILE') throw error
  process.stderr.write(
    'leveret: the process may open too few files to load the program: raise its limit, ulimit -n\n',
  )
  process.exitCode = 78
}
