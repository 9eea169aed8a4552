// hot: per message
/** Writes the content of a message, stored in the format of message.ts, to a channel. */
import { BODY_FRAME_PAYLOAD, FRAME_OVERHEAD_BYTES } from '../broker/message.ts'
import { FRAME_BODY, FRAME_END } from '../protocol/generated/constants.ts'
import { copyOctets, type Octets } from '../util/copy.ts'
import { readU32 } from '../util/octets.ts'
import type { Output, Pinned } from './output.ts'

/** Bodies of at least this size are not copied if their memory can be pinned. */
export const EXTERNAL_BODY_BYTES = 32 * 1024

/**
 * Writes the header and body frames, but not the end octet of the method frame before them.
 * @param contentStart offset of the end octet before the header frame
 * @param frameBytesMax the client's frame_max; 0 = no limit
 * @param owner owner of the memory of `source`; undefined = always copy
 */
export function writeContent(
  out: Output,
  channel: number,
  source: Octets,
  contentStart: number,
  contentEnd: number,
  frameBytesMax: number,
  owner: Pinned | undefined,
): void {
  const headerAt = contentStart + 1
  const headerBytes = readU32(source.bytes, headerAt + 3) + FRAME_OVERHEAD_BYTES
  const at = out.reserve(headerBytes)
  copyOctets(source, headerAt, headerAt + headerBytes, out.chunk, at)
  const { bytes } = out.chunk
  bytes[at + 1] = channel >> 8
  bytes[at + 2] = channel
  const payloadMax = frameBytesMax === 0 ? BODY_FRAME_PAYLOAD : frameBytesMax - FRAME_OVERHEAD_BYTES
  for (let from = headerAt + headerBytes; from < contentEnd; ) {
    const size = readU32(source.bytes, from + 3)
    const end = from + 7 + size
    for (let piece = from + 7; piece < end; piece += payloadMax)
      writeBodyFrame(out, channel, source, piece, Math.min(end, piece + payloadMax), owner)
    from = end + 1
  }
}

function writeBodyFrame(
  out: Output,
  channel: number,
  source: Octets,
  start: number,
  end: number,
  owner: Pinned | undefined,
): void {
  const size = end - start
  const external = size >= EXTERNAL_BODY_BYTES ? owner : undefined
  const at = out.reserve(external ? 7 : size + FRAME_OVERHEAD_BYTES)
  const b = out.chunk.bytes
  b[at] = FRAME_BODY
  b[at + 1] = channel >> 8
  b[at + 2] = channel
  b[at + 3] = size >>> 24
  b[at + 4] = size >>> 16
  b[at + 5] = size >>> 8
  b[at + 6] = size
  if (external !== undefined) {
    out.external(source.bytes.subarray(start, end), external)
    const endAt = out.reserve(1)
    out.chunk.bytes[endAt] = FRAME_END
    return
  }
  copyOctets(source, start, end, out.chunk, at + 7)
  b[at + 7 + size] = FRAME_END
}
