/** Settings of V8 for the broker's own process. Embedded brokers leave those of their host alone. */
import { setFlagsFromString } from 'node:v8'

/** Octets of bytecode that V8 may inline into one function; its default is 920. */
const INLINED_BYTES = 2500

/**
 * Lets V8 inline the whole path of a small message. With its default it stops in the middle, at a call that depends on
 * what is compiled first; 16-octet messages then take 13 % more CPU (measured on Node 20).
 */
export function inlineMore(): void {
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${INLINED_BYTES}`)
}
