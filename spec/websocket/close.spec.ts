/**
 * Closing: every code from 0 to 65,535 both ways, what a Close frame may carry, and the closing handshake by the
 * properties that RFC 6455 wants of it, over every order of events.
 */
import t from 'tap'
import {
  ABNORMAL_CLOSURE,
  CLOSE_CODES,
  CLOSING_HANDSHAKE,
  type ClosingEvent,
  type ClosingState,
  checkCloseArguments,
  isCloseCode,
  MAX_REASON_LENGTH,
  NO_STATUS_RECEIVED,
  parseClosePayload,
  readsInput,
  truncateReason,
  writeClosePayload,
} from '../../lib/websocket/close.ts'
import { closePayload } from '../support/raw-frames.ts'

/** §7.4.1, §7.4.2 and IANA's registry of close codes, which has added 1012, 1013 and 1014. */
function maySend(code: number): boolean {
  if (code >= 3000 && code <= 4999) return true
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006
}

t.test('every code from 0 to 65,535, read, written and asked for [6455-5.5.1-1, 6455-7.4.1-1..4]', async t => {
  const wrong: string[] = []
  for (let code = 0; code < 65_536; code++) {
    const expected = maySend(code)
    if (isCloseCode(code) !== expected) wrong.push(`isCloseCode(${code})`)
    for (const reason of ['', 'why']) {
      const payload = closePayload(code, reason)
      const read = parseClosePayload(payload)
      if (!expected) {
        if (read !== 'WS_ERR_INVALID_CLOSE_CODE') wrong.push(`read ${code} "${reason}"`)
        continue
      }
      if (typeof read === 'string' || read.code !== code || read.reason !== reason) wrong.push(`read ${code}`)
      else if (!writeClosePayload(read).equals(payload)) wrong.push(`written ${code}`)
    }
    let isTaken = true
    try {
      checkCloseArguments(code, 'why')
    } catch (error) {
      isTaken = false
      if (!(error instanceof RangeError)) wrong.push(`${code} refused with ${error}`)
    }
    if (isTaken !== expected) wrong.push(`asked for ${code}`)
  }
  t.same(wrong.slice(0, 5), [])
  t.equal(NO_STATUS_RECEIVED, 1005)
  t.equal(ABNORMAL_CLOSURE, 1006)
  for (const code of [-1, 1000.5, NaN, Infinity, -Infinity, 65_536 + 1000]) t.notOk(isCloseCode(code), `${code}`)
  t.ok(
    Object.keys(CLOSE_CODES).every(code => maySend(Number(code))),
    'those with a name',
  )
})

t.test('a payload that is empty or of one byte', async t => {
  t.same(parseClosePayload(Buffer.alloc(0)), { code: 1005, reason: '' }, '§7.1.5: no status code is 1005')
  for (let byte = 0; byte < 256; byte++) {
    if (parseClosePayload(Buffer.of(byte)) !== 'WS_ERR_INVALID_CLOSE_PAYLOAD_LENGTH') t.fail(`§5.5.1: ${byte}`)
  }
  t.same(writeClosePayload({ code: 1005, reason: '' }), Buffer.alloc(0), '1005 is never written')
})

t.test('the reason is UTF-8', async t => {
  const valid = ['', 'bye', 'é€😀', '\ufeffbom', '\0', 'x'.repeat(123), '😀'.repeat(30)]
  for (const reason of valid) {
    t.same(parseClosePayload(closePayload(1000, reason)), { code: 1000, reason })
    t.same(writeClosePayload({ code: 1000, reason }), closePayload(1000, reason))
  }
  // §8.1; beside and above the length from which Node validates.
  for (const hex of [
    'ff',
    'c0af',
    'eda080',
    'f4908080',
    'e282',
    `${'61'.repeat(60)}80`,
    `${'61'.repeat(60)}f09f98`,
  ]) {
    t.equal(parseClosePayload(closePayload(1000, Buffer.from(hex, 'hex'))), 'WS_ERR_INVALID_UTF8', hex)
  }
  t.equal(parseClosePayload(closePayload(1006, Buffer.of(255))), 'WS_ERR_INVALID_CLOSE_CODE', 'the code comes first')
})

t.test('what a caller may ask for', async t => {
  t.equal(MAX_REASON_LENGTH, 123)
  t.same(checkCloseArguments(undefined, undefined), { code: 1005, reason: '' })
  t.same(checkCloseArguments(undefined, ''), { code: 1005, reason: '' })
  t.same(checkCloseArguments(1000, undefined), { code: 1000, reason: '' })
  t.same(checkCloseArguments(4999, 'é'.repeat(61)), { code: 4999, reason: 'é'.repeat(61) })
  const js = checkCloseArguments as (code: unknown, reason?: unknown) => unknown
  t.throws(() => js(undefined, 'why'), RangeError, 'a reason without a code')
  t.throws(() => js(1000, 'x'.repeat(124)), RangeError)
  t.throws(() => js(1000, 'é'.repeat(62)), RangeError, '124 bytes in 62 characters')
  for (const code of ['1000', null, 1000n, {}, true, 'constructor']) t.throws(() => js(code), TypeError)
  for (const code of [NaN, Infinity, 1000.5, -1000, 1e9]) t.throws(() => js(code), RangeError)
  for (const reason of [null, 1, Buffer.from('why'), {}]) t.throws(() => js(1000, reason), TypeError)
})

t.test('truncateReason: 123 bytes at most, whole characters', async t => {
  for (const character of ['a', 'é', '€', '😀']) {
    const size = Buffer.byteLength(character)
    t.equal(truncateReason(character.repeat(200)), character.repeat(Math.floor(123 / size)))
    t.equal(truncateReason(character.repeat(10)), character.repeat(10))
  }
})

const STATES = Object.keys(CLOSING_HANDSHAKE) as ClosingState[]
const EVENTS: ClosingEvent[] = ['close', 'receiveClose', 'fail', 'transportEnd']

interface Walk {
  readonly state: ClosingState
  readonly closesSent: number
  readonly closesReceived: number
  readonly path: readonly ClosingEvent[]
}

/** All that can happen: every order of up to six events, as a connection goes through it. */
function walks(): Walk[] {
  const all: Walk[] = [{ state: 'open', closesSent: 0, closesReceived: 0, path: [] }]
  for (const { state, closesSent, closesReceived, path } of all) {
    if (path.length === 6) continue
    for (const event of EVENTS) {
      // §1.4: nothing is read any more, so no Close frame comes either.
      if (event === 'receiveClose' && !readsInput(state)) continue
      const [next, sendsClose] = CLOSING_HANDSHAKE[state][event]
      all.push({
        state: next,
        closesSent: closesSent + (sendsClose ? 1 : 0),
        closesReceived: closesReceived + (event === 'receiveClose' ? 1 : 0),
        path: [...path, event],
      })
    }
  }
  return all
}

t.test('the closing handshake, over every order of six events', async t => {
  const all = walks()
  const properties: Record<string, (walk: Walk) => boolean> = {
    '§5.5.1: never two Close frames': ({ closesSent }) => closesSent <= 1,
    '§1.4: none is read after the first': ({ closesReceived }) => closesReceived <= 1,
    'open: no Close frame was sent or received': ({ state, closesSent, closesReceived }) =>
      state !== 'open' || closesSent + closesReceived === 0,
    'close-sent: ours only': ({ state, closesSent, closesReceived }) =>
      state !== 'close-sent' || (closesSent === 1 && closesReceived === 0),
    'close-exchanged: both': ({ state, closesSent, closesReceived }) =>
      state !== 'close-exchanged' || (closesSent === 1 && closesReceived === 1),
    '§7.1.7: whoever fails the connection has sent a Close frame': ({ state, closesSent }) =>
      state !== 'failed' || closesSent === 1,
    '§5.5.2, §7.1.7: nothing of the peer is read once its Close frame came or it broke a rule': ({ state }) =>
      readsInput(state) === (state === 'open' || state === 'close-sent'),
    'the transport’s end is the end, whatever comes then': ({ state, path }) =>
      path.includes('transportEnd') === (state === 'closed'),
    'a failed connection stays failed': ({ state, path }) => {
      const failed = path.indexOf('fail')
      const exchanged = path.indexOf('receiveClose')
      const isFailed = failed >= 0 && (exchanged < 0 || failed < exchanged)
      return !isFailed || state === 'failed' || path.includes('transportEnd')
    },
  }
  for (const [name, holds] of Object.entries(properties)) {
    t.same(all.filter(walk => !holds(walk)).slice(0, 3), [], name)
  }
  t.same(new Set(all.map(({ state }) => state)), new Set(STATES), 'every state is reached')
})

t.test('the closing handshake, row by row [6455-5.5.1-3]', async t => {
  for (const state of STATES) {
    t.same(Object.keys(CLOSING_HANDSHAKE[state]), EVENTS, `${state} has an answer to every event`)
    t.same(CLOSING_HANDSHAKE[state].transportEnd, ['closed', false], 'nothing is sent into nowhere')
    for (const event of EVENTS) {
      const [next, sendsClose] = CLOSING_HANDSHAKE[state][event]
      if (sendsClose) t.equal(state, 'open', 'only an open connection has not sent its Close frame')
      if (sendsClose) t.not(next, 'open', '§5.5.1: no data behind the Close frame')
    }
  }
  for (const event of EVENTS) t.same(CLOSING_HANDSHAKE.closed[event], ['closed', false], 'closed is final')
  // §5.5.1: "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint MUST send
  // a Close frame in response."
  t.same(CLOSING_HANDSHAKE.open.receiveClose, ['close-exchanged', true])
  t.same(CLOSING_HANDSHAKE['close-sent'].receiveClose, ['close-exchanged', false])
  // §7.1.7: "the endpoint SHOULD send a Close frame with an appropriate status code"
  t.same(CLOSING_HANDSHAKE.open.fail, ['failed', true])
  t.same(CLOSING_HANDSHAKE['close-sent'].fail, ['failed', false])
})
