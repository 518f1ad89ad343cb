/** The talk that shows that a connection works, at both its ends. */
import { PassThrough } from 'node:stream'
import t from 'tap'
import { Endpoint } from '../../conformance/endpoint.ts'
import { closePayload, writeFrame } from '../../conformance/frame.ts'
import { GREETING, Greeting } from '../../conformance/greeting.ts'
import type { Verdict } from '../../conformance/verdict.ts'
import { WireLog } from '../../conformance/wire-log.ts'
import { MASK } from '../support/raw-frames.ts'

const maskingKey = Buffer.from(MASK)
const CLOSE = writeFrame({ opcode: 8, payload: closePayload(1000), maskingKey })

/** The suite's end is a server here; what a client sends is all there from the beginning. */
async function talk(...frames: Buffer[]): Promise<{ verdict: Verdict; isAnswered: boolean }> {
  const greeting = new Greeting()
  const stream = new PassThrough()
  stream.write = () => true
  const options = { role: 'server', log: new WireLog(), closeTimeout: 20 } as const
  const endpoint = new Endpoint(stream, options, greeting.handler, Buffer.concat(frames))
  await greeting.talk(endpoint, 0.05)
  return { verdict: greeting.verdict(), isAnswered: greeting.isAnswered }
}

t.test('the text that comes back, and a close', async t => {
  const text = writeFrame({ opcode: 1, payload: GREETING, maskingKey })
  t.match(await talk(text, CLOSE), { verdict: { behavior: 'OK', behaviorClose: 'OK' }, isAnswered: true })
  t.match(await talk(text), { verdict: { behavior: 'OK', behaviorClose: 'UNCLEAN' }, isAnswered: true })
})

t.test('anything else is told', async t => {
  const wanted = 'expected an open connection and the text back, got'
  const binary = writeFrame({ opcode: 2, payload: GREETING, maskingKey })
  t.match(await talk(binary, CLOSE), { verdict: { behavior: 'FAILED', words: `${wanted} binary of 14 bytes` } })
  const other = writeFrame({ opcode: 1, payload: Buffer.from('Hello'), maskingKey })
  t.match(await talk(other, CLOSE), { verdict: { behavior: 'FAILED', words: `${wanted} text of 5 bytes` } })
  t.match(await talk(CLOSE), { verdict: { behavior: 'FAILED', words: `${wanted} nothing` }, isAnswered: false })
  t.match(await talk(), { verdict: { words: `${wanted} nothing: nothing more came within 2 s` }, isAnswered: false })
})
