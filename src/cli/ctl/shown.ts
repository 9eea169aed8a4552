/**
 * Makes texts safe for a terminal. Names of queues, reasons of errors and the like may contain anything, also sequences
 * with which a terminal is controlled: whoever may declare a queue could otherwise hide lines, or write others.
 */

/** All control characters but line feed and tab. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant
const controls = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g

/** Returns the text as it is for a file or a pipe, which programs read. */
export function shownOn({ isTTY }: { readonly isTTY?: boolean }, text: string): string {
  return isTTY === true ? text.replace(controls, escaped) : text
}

function escaped(c: string): string {
  return `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`
}
