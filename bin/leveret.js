#!/usr/bin/env node
// Loaded here, so that there is a sentence for a process that may not even open the files of the program.
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
