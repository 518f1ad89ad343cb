/** The language of the tables: octets, and scripts in words. */
import t from 'tap'
import {
  bytesOf,
  CLOSED_BY_SUITE,
  close,
  continuation,
  describe,
  eventsInWords,
  FAILED_BY_TESTEE,
  hex,
  INVALID_TEXT,
  message,
  octets,
  ping,
  ponged,
  repeated,
  type Script,
  text,
  texted,
} from '../../../conformance/autobahn/script.ts'

t.test('octets: as they are, in hex, repeated up to a length', async t => {
  t.equal(bytesOf(octets('é')).toString('hex'), 'c3a9')
  t.equal(bytesOf(hex('00ff')).toString('hex'), '00ff')
  t.equal(bytesOf(repeated(7, 'abc')).toString(), 'abcabca')
  t.equal(bytesOf(repeated(0, 'abc')).length, 0)
})

const SCRIPT: Script = { id: '1', steps: [], limit: { failAfter: 1 }, expect: [], ending: CLOSED_BY_SUITE }

t.test('scripts in words', async t => {
  const table: readonly (readonly [script: Partial<Script>, words: string])[] = [
    [
      {
        steps: [text(octets('ab'), { fin: false, rsv: 4, chop: 1 }), continuation()],
        expect: [texted(octets('ab'))],
      },
      'text 2 not FIN RSV 4 in chops of 1, continuation 0 → text 2, then the suite closes and 1000 comes back',
    ],
    [
      {
        steps: [ping(), ping(), { wait: 1 }, close(1000, octets('bye'))],
        expect: [ponged(), ponged()],
        ending: FAILED_BY_TESTEE,
      },
      '2 × ping 0, 1 s, Close 1000 and 3 octets of reason → 2 × pong 0, and it must close, with 1002 or by ending TCP',
    ],
    [
      {
        steps: [{ send: 'header', opcode: 1, length: 5 }, { send: 'part', payload: octets('ab') }, close()],
        expect: [{ event: 'waited', name: 'A' }],
        nonStrict: [],
        ending: INVALID_TEXT,
      },
      'header of a text frame of 5, 2 octets of it, Close without code → open still after wait A (not strict: no message or pong), and it must close, with 1007 or by ending TCP',
    ],
    [
      { steps: [message(2, repeated(2 ** 22, 'a'), 64)], echo: { binary: true, length: 2 ** 22 } },
      'binary of 4 MiB in frames of 64 → the same type and length back, then the suite closes and 1000 comes back',
    ],
    [
      { steps: [text(octets('a'), { alone: true })], informational: true, nonStrict: [] },
      'text 1 alone → no message or pong, whatever comes is only told',
    ],
  ]
  for (const [script, words] of table) t.equal(describe({ ...SCRIPT, ...script }), words)
  t.equal(eventsInWords([]), 'no message or pong')
})
