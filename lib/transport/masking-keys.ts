/**
 * Masking keys for clients: 32 bits each from the system's random source, fetched in blocks, because a call for
 * every frame costs more than the frame. RFC 6455 §5.3: the key "needs to be unpredictable", and "MUST be derived
 * from a strong source of entropy". No key is used twice.
 */
import { randomFillSync } from 'node:crypto'

const block = new Int32Array(2048)
let next = block.length

export function nextMaskingKey(): number {
  if (next === block.length) {
    randomFillSync(block)
    next = 0
  }
  const key = block[next]!
  block[next++] = 0
  return key
}
