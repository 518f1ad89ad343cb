/** Groups 12 and 13: what is offered to servers, and what is answered to clients. */
import t from 'tap'
import { acceptFrom, COMPRESSION, offersOf } from '../../../conformance/autobahn/compression.ts'
import { parseExtensions, writeExtension } from '../../../conformance/message-deflate.ts'
import { tableDigest } from '../../support/table-digest.ts'

const NINE = { noContextTakeover: true, windowBits: 9 }

t.test('90 and 126', async t => {
  t.same(
    ['12.', '13.'].map(group => COMPRESSION.filter(({ id }) => id.startsWith(group)).length),
    [90, 126],
  )
})

t.test('every offer is one that a server may take', async t => {
  const offers = new Set(COMPRESSION.map(({ wishes }) => offersOf(wishes)))
  t.equal(offers.size, 7)
  for (const offer of offers)
    t.ok(
      parseExtensions(offer).every(parameters => typeof parameters !== 'string'),
      offer,
    )
  t.equal(
    offersOf([NINE]),
    'permessage-deflate; client_no_context_takeover; client_max_window_bits; server_no_context_takeover; server_max_window_bits=9',
  )
})

t.test('answers: never more than was offered', async t => {
  const answer = (wishes: readonly (typeof NINE)[], offers: string) => {
    const accepted = acceptFrom(
      wishes,
      parseExtensions(offers).filter(offer => typeof offer !== 'string'),
    )
    return accepted === undefined ? undefined : writeExtension(accepted)
  }
  t.equal(answer([NINE], 'permessage-deflate'), undefined)
  t.equal(answer([NINE], ''), undefined)
  t.equal(
    answer([NINE], 'permessage-deflate; client_max_window_bits'),
    'permessage-deflate; client_no_context_takeover; client_max_window_bits=9',
  )
  t.equal(
    answer([NINE], 'permessage-deflate, permessage-deflate; client_max_window_bits=8'),
    'permessage-deflate; client_no_context_takeover; client_max_window_bits=8',
  )
  t.equal(
    answer(
      [NINE],
      'permessage-deflate; client_max_window_bits; server_max_window_bits=10; server_no_context_takeover',
    ),
    'permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_no_context_takeover; client_max_window_bits=9',
  )
  const plain = [{ noContextTakeover: false }] as unknown as (typeof NINE)[]
  t.equal(
    answer([NINE, ...plain], 'permessage-deflate; client_no_context_takeover'),
    'permessage-deflate',
    'the next wish',
  )
})

t.test('they are as they were when they were compared', async t => {
  t.equal(tableDigest(COMPRESSION), 'e6ae9890b924b2f0')
})
