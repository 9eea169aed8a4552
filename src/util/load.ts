/**
 * Node opens all the files that modules import at once, each with a descriptor. Where those are few, as many modules as
 * the broker has do not load that way: they are loaded one after the other, each after what it imports.
 */
import { readFileSync } from 'node:fs'
import { descriptorLimit } from './descriptors.ts'

/** The limit of descriptors up to which that is done. */
const FEW = 512
const IMPORT = /^(?:import|export)\b[^'"=;]*['"](\.\.?\/[^'"]+\.js)['"]/gm

let folder: URL | undefined

/** The program's modules are in that folder, a URL that ends with a slash. */
export function loadFrom(url: URL): void {
  if ((descriptorLimit() ?? Number.POSITIVE_INFINITY) <= FEW) folder = url
}

/**
 * Loads what the module needs, and the module, where descriptors are few.
 * @param name of its file in the program's folder, without extension
 * @throws the error of a module that does not load
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
