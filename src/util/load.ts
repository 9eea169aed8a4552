/**
 * Loads modules one by one. Node opens all files that modules import at once, each with a descriptor; with a low limit
 * of descriptors the broker's many modules cannot be loaded that way, so each is loaded after its imports.
 */
import { readFileSync } from 'node:fs'
import { descriptorLimit } from './descriptors.ts'

/** Limit of descriptors up to which modules are loaded one by one. */
const FEW = 512
const IMPORT = /^(?:import|export)\b[^'"=;]*['"](\.\.?\/[^'"]+\.js)['"]/gm

let folder: URL | undefined

/** Sets the folder of the program's modules, a URL that ends with a slash. */
export function loadFrom(url: URL): void {
  if ((descriptorLimit() ?? Number.POSITIVE_INFINITY) <= FEW) folder = url
}

/**
 * Loads the module's imports and the module itself one by one if descriptors are scarce.
 * @param name of its file in the program's folder, without extension
 * @throws the error of a module that fails to load
 */
export async function loadGently(name: string): Promise<void> {
  if (folder === undefined) return
  for (const url of inOrder(new URL(`${name}.js`, folder))) await import(url)
}

function inOrder(first: URL): Iterable<string> {
  const order = new Set<string>()
  const seen = new Set<string>()
  const visit = (url: URL): void => {
    if (seen.has(url.href)) return
    seen.add(url.href)
    for (const [, path = ''] of readFileSync(url, 'utf8').matchAll(IMPORT)) visit(new URL(path, url))
    order.add(url.href)
  }
  visit(first)
  return order
}
