/** The part of binary-parser that is used here: NodeNext resolution does not find the package's own types. */
declare module 'binary-parser' {
  export class Parser {
    uint8(name: string): Parser
    uint16be(name: string): Parser
    uint32be(name: string): Parser
    uint64be(name: string): Parser
    buffer(name: string, options: { length: string }): Parser
    parse(bytes: Uint8Array): unknown
  }
}
