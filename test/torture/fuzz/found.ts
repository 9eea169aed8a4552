/** Inputs that have failed once, each with what went wrong: they are run again with every test run. */
import type { TargetName } from './targets.ts'

export interface Found {
  readonly target: TargetName
  readonly what: string
  readonly input: Buffer
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

export const found: readonly Found[] = [
  {
    target: 'batch',
    what: 'a length near 4 GiB passed the check of what is left, and was a RangeError',
    input: Buffer.from('AQAAAFAAAAADAAAAAAAAAAAAEEABAAAABAAAAAEAAAAAAAAAAH///w==', 'base64'),
  },
  {
    target: 'batch',
    what: 'a length of all ones',
    input: hex('01000000 28000000 03000000 0000000000001040 01000000 04000000 01000000 02000000 fffffffF'),
  },
  {
    target: 'state',
    what: 'a count of deliveries of a message that the segment does not have',
    input: Buffer.from('AAAAAABAj0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQACAAMA', 'base64'),
  },
  {
    target: 'state',
    what: 'a wait of a message that the segment does not have',
    input: Buffer.from('AAAAAABAj0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD//wEAAAAFAAAAAAA=', 'base64'),
  },
  {
    target: 'state',
    what: 'octets of live bodies that are no number',
    input: Buffer.from('AAAAAABAj0AFAAAABQAAAK+vr6+vr6+vrwAAAgCvr6+vrw==', 'base64'),
  },
  { target: 'peer', what: 'a request that is no JSON', input: Buffer.from('{"":""') },
  { target: 'peer', what: 'a request that is null', input: Buffer.from('null') },
  { target: 'peer', what: 'a relay to nowhere', input: Buffer.from('{"want":"relay","to":"x","index":0}') },
  {
    target: 'proxy',
    what: 'a port above 65535',
    input: Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.5 99999 1\r\n'),
  },
  {
    target: 'config',
    what: 'keys of which each names the next one twice, which took for ever',
    input: Buffer.from(
      `${Array.from({ length: 40 }, (_, i) => `log.file${i} = $(log.file${i + 1})$(log.file${i + 1})\n`).join('')}log.file40 =\n`,
    ),
  },
]
