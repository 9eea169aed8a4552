/** Loads definitions from files at startup. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Model } from '../model/model.ts'
import { definitionsHash, IMPORTED_HASH } from '../util/definitions-hash.ts'
import { LENIENT_FILE_BYTES_MAX } from '../util/lenient-json.ts'
import { readRegularFile } from '../util/regular-file.ts'
import { StartError } from '../util/start-error.ts'
import { importDefinitions } from './import.ts'
import { readDefinitions } from './read.ts'

/** Maximum size of a file: Node.js cannot read a larger one in one piece. */
const FILE_BYTES_MAX = 1024 * 1024 * 1024

/**
 * @param path a file, or a folder whose `*.json` files are loaded in the order of their names
 * @param skipUnchanged does not load a file again if it is identical, byte for byte, to what was imported last
 * @throws Error that names the file; nothing from that file has been applied then
 */
export async function loadDefinitionFiles(model: Model, path: string, skipUnchanged: boolean): Promise<void> {
  const texts = definitionFiles(path).map((file) => ({ file, text: read(file) }))
  const digest = definitionsHash(texts.map(({ text }) => text))
  if (skipUnchanged && model.parameters.global(IMPORTED_HASH) === digest) {
    model.logger.info({ path }, 'definitions are unchanged since the last import: not imported again')
    return
  }
  for (const { file, text } of texts) {
    try {
      await importDefinitions(model, await readDefinitions(text, LENIENT_FILE_BYTES_MAX))
    } catch (error) {
      throw failed(file, error)
    }
  }
  if (skipUnchanged) model.parameters.setGlobal(IMPORTED_HASH, digest)
}

function definitionFiles(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    return readdirSync(path)
      .filter((f) => f.endsWith('.json'))
      .sort()
      .map((f) => join(path, f))
  } catch (error) {
    throw failed(path, error)
  }
}

function read(file: string): Buffer {
  try {
    return readRegularFile(file, FILE_BYTES_MAX)
  } catch (error) {
    throw failed(file, error)
  }
}

function failed(file: string, error: unknown): Error {
  return new StartError(`cannot load the definitions in ${file}: ${(error as Error).message}`, {
    cause: error,
  })
}
