/** Reads the text of a regular expression from left to right; one character is one octet. */
export class PatternReader {
  /** In ISO 8859-1: each octet of the UTF-8 encoding is one character. */
  readonly text: string
  at = 0

  constructor(source: string) {
    this.text = Buffer.from(source, 'utf8').toString('latin1')
  }

  get atEnd(): boolean {
    return this.at >= this.text.length
  }

  /** '' at the end. */
  peek(): string {
    return this.text.charAt(this.at)
  }

  next(): string {
    return this.text.charAt(this.at++)
  }

  /** Consumes the expected text if it is next. */
  take(expected: string): boolean {
    if (!this.text.startsWith(expected, this.at)) return false
    this.at += expected.length
    return true
  }

  /** Matches at the current position; the expression is sticky and one of the broker's own. */
  match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.at
    const found = expression.exec(this.text)
    if (found !== null) this.at = expression.lastIndex
    return found
  }

  error(what: string): SyntaxError {
    return new SyntaxError(`invalid regular expression: ${what} at offset ${this.at}`)
  }
}
