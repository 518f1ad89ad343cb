/**
 * The verdicts that broken endpoints must get from Autobahn's cases: for each fault exactly these, and none for a good
 * one. They follow from Autobahn's rules: what a fault makes an endpoint do, whether that is among the events that a case
 * takes, and who then closes, with which code. Faults of which Autobahn sees nothing have an empty table.
 */
import { AUTOBAHN_CASES } from '../../conformance/autobahn/index.ts'
import type { PlayOptions } from '../../conformance/case.ts'
import { DEFAULT_PLAY } from '../../conformance/runner.ts'
import type { Fault } from './broken-endpoint.ts'

type Verdicts = Readonly<Partial<Record<Fault | 'good', Record<string, string>>>>

/** Of groups 1 to 10 those that differ from each other; the rest of them repeat what these do. */
export const PLAYED = AUTOBAHN_CASES.filter(({ id }) =>
  /^(1\.\d\.[127]|[2345]\..*|6\.[1-4]\..*|6\.6\..*|6\.(7|9|15|21|22|23)\.1|7\.[135]\..*|7\.7\.[123]|7\.9\.[12]|7\.13\.1|9\.[12]\.1|10\..*|12\.1\.1)$/.test(
    id,
  ),
).map(({ id }) => id)

/** Small, middling and fragmented ones of each set of parameters. */
export const PLAYED_DEFLATE = AUTOBAHN_CASES.filter(({ id }) => /^(12\.1|13\.\d)\.(4|11)$/.test(id)).map(
  ({ id }) => id,
)

/** A fast clock; and where round trips are never done, little patience. */
export function playFor(faults: readonly Fault[]): PlayOptions {
  const isMute = faults.includes('nothing echoed') || faults.includes('empty messages lost')
  return { ...DEFAULT_PLAY, pace: 0.15, timeout: isMute ? 300 : 20_000 }
}

/** Neighbours are drawn together, as they stand in {@link PLAYED}. */
const VALID_TEXT = '6.6.2 6.6.5 6.6.7 6.6.9 6.6.11…6.9.1'
const INVALID_TEXT = '6.3.1…6.6.1 6.6.3…6.6.4 6.6.6 6.6.8 6.6.10 6.15.1…6.21.1'
/** A good message, then something wrong. */
const AMIDST = '3.2…3.4 4.1.3…4.1.5 4.2.3…4.2.5'
const WRONG_AT_ONCE = '2.5 3.1 3.5…4.1.2 4.2.1…4.2.2 5.1…5.2 5.9…5.14 5.16…5.18'
const PONGS = '2.2…2.4 2.6 2.9…2.11 5.6…5.8 5.19…5.20'
const BAD_CLOSES = '7.3.2 7.3.6…7.5.1 7.9.1…7.9.2'
/** All in which the suite closes, and wants an answer. */
const CLOSED_CLEANLY = `1.1.1…2.4 2.6…2.11 5.3…5.8 5.19…6.2.4 ${VALID_TEXT} 6.22.1…7.1.5 7.3.1 7.3.3…7.3.5 7.7.1…7.7.3 9.1.1…10.1.1`

/** The endpoint's own frames are wrong, so that nothing of it is taken, not even its Close. */
const UNREADABLE = {
  'FAILED / UNCLEAN': `1.1.1…2.4 2.6 2.9…2.11 5.3…5.8 5.19…6.2.4 ${VALID_TEXT} 6.22.1…7.1.1 9.1.1…10.1.1`,
  'OK / FAILED': WRONG_AT_ONCE,
  'OK / UNCLEAN': '2.7…2.8 7.1.2…7.1.5 7.3.1 7.3.3…7.3.5 7.7.1…7.7.3',
  'NON-STRICT / FAILED': `${AMIDST} 5.15`,
  'FAILED / FAILED': INVALID_TEXT,
  'UNIMPLEMENTED / UNCLEAN': '12.1.1',
}

const BOTH: Verdicts = {
  good: {},
  'no UTF-8 check': { 'FAILED / FAILED': INVALID_TEXT },
  'late UTF-8 check': { 'NON-STRICT / OK': '6.4.1…6.4.4' },
  'RSV bits accepted': { 'FAILED / FAILED': '3.1…3.6' },
  'reserved opcodes accepted': {
    'OK / FAILED': '4.1.1…4.1.2 4.2.1…4.2.2',
    'FAILED / FAILED': '4.1.3…4.1.5 4.2.3…4.2.5',
  },
  // The pong that comes is one too many; the continuation is refused then.
  'fragmented control frames accepted': { 'FAILED / OK': '5.1' },
  'long control frames accepted': { 'OK / FAILED': '2.5', 'FAILED / WRONG CODE': '7.3.6' },
  'any masking accepted': {},
  'continuation of nothing accepted': { 'FAILED / FAILED': '5.9…5.11 5.17' },
  'new message amid another accepted': { 'FAILED / FAILED': '5.18' },
  'any close code accepted': { 'FAILED / WRONG CODE': '7.9.1…7.9.2' },
  // 7.3.2 is answered by a Close without a code, which is taken.
  'any close payload accepted': { 'FAILED / WRONG CODE': '7.5.1' },
  'wrong close code': {
    'OK / WRONG CODE': '1.1.1…6.23.1 9.1.1…10.1.1',
    'FAILED / WRONG CODE': '7.1.1…7.1.5 7.3.1…7.9.2',
    'UNIMPLEMENTED / WRONG CODE': '12.1.1',
  },
  'close code not echoed': {},
  'TCP dropped without close': { 'OK / UNCLEAN': CLOSED_CLEANLY, 'UNIMPLEMENTED / UNCLEAN': '12.1.1' },
  'close never answered': {
    'OK / UNCLEAN': CLOSED_CLEANLY.replace('7.1.5', '7.1.3'),
    // It echoes what stands behind the Close.
    'FAILED / UNCLEAN': '7.1.4…7.1.5',
    'UNIMPLEMENTED / UNCLEAN': '12.1.1',
  },
  'no pong': { 'FAILED / OK': PONGS.replace('2.2', '2.1') },
  'pong without payload': { 'FAILED / OK': PONGS },
  'pongs last': { 'FAILED / OK': '5.6…5.8 5.19…5.20' },
  'pongs come late': { 'FAILED / OK': PONGS.replace('2.2', '2.1') },
  'echo doubled': {
    'FAILED / OK': `1.1.1…1.2.7 ${AMIDST} 5.3…5.8 5.15 5.19…6.2.4 ${VALID_TEXT} 6.22.1…7.1.1 10.1.1`,
  },
  'echo of other content': {
    'FAILED / WRONG CODE': `1.1.2…1.1.7 1.2.2…1.2.7 ${VALID_TEXT} 6.22.1…7.1.1 10.1.1`,
    'FAILED / OK': `${AMIDST} 5.3…5.8 5.15 5.19…5.20 6.1.3…6.2.4`,
  },
  // What is cut within a character is no text any more.
  'echo truncated': {
    'FAILED / WRONG CODE': '1.1.2…1.1.7 1.2.2…1.2.7 6.7.1…6.9.1 7.1.1 10.1.1',
    'FAILED / OK': `${AMIDST} 5.3…5.8 5.15 5.19…5.20 6.1.3…6.2.3 9.1.1…9.2.1`,
    'FAILED / UNCLEAN': '6.2.4 6.6.2 6.6.5 6.6.7 6.6.9 6.6.11 6.22.1…6.23.1',
  },
  // Binary as text is no text.
  'echo of the other type': {
    'FAILED / WRONG CODE': `1.1.1…1.2.1 ${VALID_TEXT} 6.22.1…7.1.1 10.1.1`,
    'FAILED / UNCLEAN': '1.2.2…1.2.7 9.2.1',
    'FAILED / OK': `${AMIDST} 5.3…5.8 5.15 5.19…6.2.4 9.1.1`,
  },
  'nothing echoed': {
    'FAILED / WRONG CODE': `1.1.1…1.2.7 ${VALID_TEXT} 6.22.1…7.1.1 10.1.1`,
    'NON-STRICT / OK': `${AMIDST} 5.15`,
    'FAILED / OK': '5.3…5.8 5.19…6.2.4 9.1.1…9.2.1',
  },
  'only whole messages': {
    'FAILED / FAILED': '5.3…5.8 5.19…5.20 6.1.2…6.1.3 6.2.2…6.2.4 10.1.1',
    'NON-STRICT / OK': '5.15',
    'OK / WRONG CODE': '6.3.2',
    'FAILED / WRONG CODE': '6.4.1…6.4.4 7.1.5',
  },
  'masks wrongly': UNREADABLE,
  'RSV1 set': UNREADABLE,
  'empty messages lost': { 'FAILED / WRONG CODE': '1.1.1 1.2.1', 'FAILED / OK': '6.1.1…6.1.2' },
  'long messages refused': { 'FAILED / FAILED': '1.1.7 1.2.7 9.1.1…10.1.1' },
}

export const SERVER_VERDICTS: Verdicts = {
  ...BOTH,
  'TCP never ended': {
    'OK / UNCLEAN': CLOSED_CLEANLY,
    'OK / FAILED BY CLIENT': `2.5 3.1…5.2 5.9…5.18 ${INVALID_TEXT} ${BAD_CLOSES}`,
    'UNIMPLEMENTED / UNCLEAN': '12.1.1',
  },
  'answers after close': { 'FAILED / OK': '7.1.3…7.1.5' },
  'wrong accept': { 'FAILED / FAILED': '1.1.1…7.1.5 7.3.1…7.9.2 9.1.1…12.1.1' },
  refuses: { 'FAILED / FAILED': '1.1.1…7.1.5 7.3.1…7.9.2 9.1.1…12.1.1' },
}

/** A client has to end TCP in no case, and what it says behind its Close is not heard. */
export const CLIENT_VERDICTS: Verdicts = {
  ...BOTH,
  'TCP never ended': {},
  'answers after close': {},
}

/** Does this for each fault of a table, five at a time, since most of it is waiting. */
export async function forEachFault(
  verdicts: Verdicts,
  run: (fault: string, faults: readonly Fault[]) => Promise<void>,
): Promise<void> {
  const faults = Object.keys(verdicts)
  const work = async () => {
    for (let fault = faults.shift(); fault !== undefined; fault = faults.shift()) {
      await run(fault, fault === 'good' ? [] : [fault as Fault])
    }
  }
  await Promise.all(Array.from({ length: 5 }, work))
}
