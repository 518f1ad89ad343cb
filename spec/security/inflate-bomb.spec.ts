/** Little that inflates to much (S5), over real connections: refused with 1009 while it is inflated. */
import { constants, deflateRawSync } from 'node:zlib'
import t from 'tap'
import { BINARY } from '../support/raw-frames.ts'
import { besiege, framesAt, HALF_OF_THE_FRONTS, inWords, pour } from '../support/victim.ts'

const MIB = 2 ** 20
/** As an offer, and as an answer to that of a client. */
const DEFLATE = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'

/** A GB of zeros. */
function bomb(): Buffer {
  const block = deflateRawSync(Buffer.alloc(MIB), { level: 9, finishFlush: constants.Z_SYNC_FLUSH })
  return Buffer.alloc(1000 * block.length, block).subarray(0, -4)
}

for (const front of HALF_OF_THE_FRONTS) {
  const [role, carrier] = front
  const test = `S5: ${carrier}: a ${role} gets 1 GB of zeros in 1 MB: 1009, for no more memory than twice the limit`
  t.test(test, { timeout: 60_000 }, async t => {
    const payload = bomb()
    t.ok(payload.length < 1.1 * MIB)
    for (const fragments of [1, 500]) {
      const limit = 16 * MIB
      const { victim, attacker, before } = await besiege(t, front, {
        options: { maxMessageSize: limit, perMessageDeflate: true },
        fields: { 'Sec-WebSocket-Extensions': DEFLATE },
      })
      const size = Math.ceil(payload.length / fragments)
      const parts = Array.from({ length: fragments }, (_, n) => {
        const [opcode, rsv] = n === 0 ? [BINARY, 4] : [0, 0]
        const part = payload.subarray(n * size, (n + 1) * size)
        return framesAt(role, { opcode, rsv, fin: n === fragments - 1, payload: part })
      })
      await pour(attacker, parts)
      t.same((await victim.ended(1)).ends, [['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1006]])
      const { held, peak } = await victim.call('measure')
      const words = `${inWords(peak - before.rss)} of RSS at the most, in ${fragments} frames`
      // The first use of zlib and of the thread pool takes some for good.
      t.ok(peak - before.rss < 2 * limit + 8 * MIB, words)
      t.ok(held - before.held < MIB, `${inWords(held - before.held)} held afterwards`)
    }
  })
}
