/** The command line. Modules that a command does not need are not loaded: most commands only ask a running broker. */
import { basename } from 'node:path'
import { helpText, parseArguments, UsageError } from './cli/arguments.ts'
import { parseCommandLine } from './cli/ctl/options.ts'
import { ownCommands, rabbitTools } from './cli/tool-names.ts'
import { StorageError } from './storage/storage.ts'
import { counted } from './util/counted.ts'
import { tooFewDescriptors } from './util/descriptors.ts'
import { version } from './util/version.ts'

const EXIT_USAGE = 64
const EXIT_CONFIG = 78
const EXIT_FAILED = 1

/** The first word of the command line that is no option. */
function firstWord(args: readonly string[]): string {
  try {
    return parseCommandLine(args).positionals[0] ?? ''
  } catch {
    return ''
  }
}

/** Whether the command is one of ctl. Their names have lower case and underscores; the other commands are few. */
function isCtl(args: readonly string[]): boolean {
  const [first = ''] = args
  // Options in front of a command belong to those of ctl; the options of other commands follow them.
  const name = first.startsWith('-') ? firstWord(args) : first
  return /^[a-z][a-z_]*$/.test(name) && !ownCommands.includes(name)
}

/**
 * Runs a command line without the program's name; sets the exit code.
 *
 * @param since time of the call, in ms since the process started, if other work came first
 */
export async function main(args: readonly string[], since = 0): Promise<void> {
  const called = basename(process.argv[1] ?? '').replace(/\.js$/, '')
  const isTool = rabbitTools.includes(called)
  if (isTool || isCtl(args)) {
    const { ctl } = await import('./cli/ctl/ctl.ts')
    const [first] = args
    process.exitCode = await ctl(first === 'ctl' ? args.slice(1) : args, isTool ? called : undefined)
    return
  }
  let command: ReturnType<typeof parseArguments>
  try {
    command = parseArguments(args, process.env)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`leveret: ${error.message}\nTry 'leveret --help'.\n`)
    process.exitCode = EXIT_USAGE
    return
  }
  if (command.name === 'help') process.stdout.write(helpText)
  else if (command.name === 'check') process.exitCode = await check(command.dir)
  else if (command.name === 'restore') process.exitCode = await restore(command.from, command.dataDir)
  else if (command.name === 'version') process.stdout.write(`${version}\n`)
  else {
    const few = command.name === 'start' ? tooFewDescriptors() : undefined
    if (few !== undefined) {
      process.stderr.write(`leveret: ${few}\n`)
      process.exitCode = EXIT_CONFIG
      return
    }
    const { printConfiguration, runBroker } = await import('./process.ts')
    if (command.name === 'config') printConfiguration(command.options)
    else await runBroker(command.options, since)
  }
}

/** Reports what it finds; returns 0 if nothing is damaged. */
async function check(dir: string): Promise<number> {
  const { checkFolder } = await import('./storage/check.ts')
  const say = (text: string): void => void process.stdout.write(`${text}\n`)
  try {
    const { damage, setAside, values, segments, records, unchecked, batches } = await checkFolder(dir, say)
    for (const d of damage) say(`damaged: ${JSON.stringify(d)}`)
    for (const name of setAside) say(`kept aside by a broker: ${name}`)
    const found = `${counted(values, 'value')}, ${counted(segments, 'segment')}, ${counted(records, 'record')}`
    say(
      `${found}, ${counted(unchecked, 'of them', 'of them')} without a checksum; ` +
        `${counted(batches, 'batch', 'batches')} in the journal; ${damage.length === 0 ? 'nothing' : damage.length} damaged`,
    )
    return damage.length === 0 ? 0 : EXIT_FAILED
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    process.stderr.write(`leveret: ${error.message}\n`)
    return EXIT_FAILED
  }
}

async function restore(from: string, dataDir: string): Promise<number> {
  const { restoreFolder } = await import('./storage/backup.ts')
  try {
    const { values, records, batches } = await restoreFolder(
      from,
      dataDir,
      (text) => void process.stdout.write(`${text}\n`),
    )
    const found = `${counted(values, 'value')}, ${counted(records, 'record')}`
    process.stdout.write(
      `${dataDir} is restored: ${found}, ${counted(batches, 'batch', 'batches')} in the journal, nothing damaged\n`,
    )
    return 0
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    process.stderr.write(`leveret: ${error.message}\n`)
    return EXIT_FAILED
  }
}
