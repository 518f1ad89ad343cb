/** Group 6: UTF-8. Sequences are generated where a rule makes them, and listed where none does. */
import { OPCODE } from '../frame.ts'
import {
  CLOSED_BY_SUITE,
  continuation,
  hex,
  INVALID_TEXT,
  message,
  NOTHING,
  type Octets,
  octets,
  type Script,
  type Step,
  text,
  texted,
} from './script.ts'

/** "κόσμε", with which the field tests UTF-8. */
const KOSME = 'cebae1bdb9cf83cebcceb5'
const GREETING = octets('Hello-µ@ßöäüàá-UTF-8!!')
/** κόσμε, a lone surrogate, "edited". */
const EDITED = hex(`${KOSME}eda080656469746564`)

function valid(id: string, steps: readonly Step[], payload: Octets): Script {
  return { id, steps, limit: { closeAfter: 1 }, expect: [texted(payload)], ending: CLOSED_BY_SUITE }
}

function invalid(id: string, steps: readonly Step[]): Script {
  return { id, steps, limit: { failAfter: 1 }, expect: [], ending: INVALID_TEXT }
}

const MIDDLE = octets('middle frame payload')
const more = { fin: false }

const FRAGMENTED: readonly Script[] = [
  valid('6.1.1', [text()], NOTHING),
  valid('6.1.2', [text(NOTHING, more), continuation(NOTHING, more), continuation()], NOTHING),
  valid('6.1.3', [text(NOTHING, more), continuation(MIDDLE, more), continuation()], MIDDLE),
  valid('6.2.1', [text(GREETING)], GREETING),
  valid('6.2.2', [text(octets('Hello-µ@ßöä'), more), continuation(octets('üàá-UTF-8!!'))], GREETING),
  valid('6.2.3', [message(OPCODE.text, GREETING, 1)], GREETING),
  valid('6.2.4', [message(OPCODE.text, hex(KOSME), 1)], hex(KOSME)),
  invalid('6.3.1', [text(EDITED)]),
  invalid('6.3.2', [message(OPCODE.text, EDITED, 1)]),
]

/**
 * Fail fast: good octets, a wait, the octets that make the text invalid, a wait, the rest. In frames, or within one.
 * U+110000 is beyond Unicode's end, which its second octet tells.
 */
function failFast(id: string, parts: readonly [string, string, string], within: 'frames' | 'one frame'): Script {
  const [first, second, third] = parts.map(hex) as [Octets, Octets, Octets]
  const [waitA, waitB] = [
    { wait: 1, name: 'A' },
    { wait: 1, name: 'B' },
  ]
  const length = first.length + second.length + third.length
  const steps: Step[] =
    within === 'frames'
      ? [text(first, more), waitA, continuation(second, more), waitB, continuation(third)]
      : [
          { send: 'header', opcode: OPCODE.text, length },
          { send: 'part', payload: first },
          waitA,
          { send: 'part', payload: second },
          waitB,
          { send: 'part', payload: third },
          continuation(),
        ]
  return {
    id,
    steps,
    limit: { failAfter: 1 },
    expect: [{ event: 'waited', name: 'A' }],
    nonStrict: [
      { event: 'waited', name: 'A' },
      { event: 'waited', name: 'B' },
    ],
    ending: INVALID_TEXT,
  }
}

const BETWEEN_OCTETS: readonly [string, string, string] = [`${KOSME}f4`, '90', '8080656469746564']
const AT_OCTETS: readonly [string, string, string] = [KOSME, 'f4908080', '656469746564']

const FAIL_FAST: readonly Script[] = [
  failFast('6.4.1', AT_OCTETS, 'frames'),
  failFast('6.4.2', BETWEEN_OCTETS, 'frames'),
  failFast('6.4.3', AT_OCTETS, 'one frame'),
  failFast('6.4.4', BETWEEN_OCTETS, 'one frame'),
]

/** A text message of one frame with these octets. */
function sequence(id: string, digits: string, isValid: boolean): Script {
  const payload = hex(digits)
  return {
    id,
    steps: [text(payload)],
    limit: { failAfter: 0.5 },
    expect: isValid ? [texted(payload)] : [],
    ending: isValid ? CLOSED_BY_SUITE : INVALID_TEXT,
  }
}

/** One case for each sequence; '!' stands before those that are not valid. */
function sequences(group: string, list: readonly string[]): Script[] {
  return list.map((entry, i) => sequence(`${group}.${i + 1}`, entry.replace('!', ''), !entry.startsWith('!')))
}

function words(list: string): string[] {
  return list.split(' ')
}

/** The octets from `first` to `last`, each with `behind` behind it. */
function octetRange(first: number, last: number, behind = ''): string {
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i).toString(16) + behind).join('')
}

function utf8(...codePoints: number[]): string {
  return Buffer.from(String.fromCodePoint(...codePoints)).toString('hex')
}

/** Every beginning of κόσμε; valid where a character ends. */
function prefixes(): string[] {
  const bytes = Buffer.from(KOSME, 'hex')
  return Array.from(bytes, (_, i) => {
    const next = bytes[i + 1]
    const isWhole = next === undefined || (next & 0xc0) !== 0x80
    return `${isWhole ? '' : '!'}${bytes.toString('hex', 0, i + 1)}`
  })
}

/** The sequences of 6.14: the first and last of each length, without their last octet. */
const UNFINISHED = words('c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf')

/** The last two code points of each of the 17 planes are no characters, and valid UTF-8. */
function nonCharacters(): string[] {
  const planes = Array.from({ length: 17 }, (_, plane) => plane * 0x10000)
  return planes.flatMap(first => [utf8(first + 0xfffe), utf8(first + 0xffff)])
}

const LEAD = words('eda080 edadbf edae80 edafbf')
const TRAIL = words('edb080 edbfbf')

function not(list: readonly string[]): string[] {
  return list.map(digits => `!${digits}`)
}

const SEQUENCES: readonly Script[] = [
  ...sequences('6.5', [
    ...[0x24, 0xa2, 0x20ac, 0x24b62].map(sign => utf8(...Buffer.from('hello'), sign, ...Buffer.from('world'))),
    KOSME,
  ]),
  ...sequences('6.6', prefixes()),
  ...sequences('6.7', words('00 c280 e0a080 f0908080')),
  ...sequences('6.8', words('!f888808080 !fc8480808080')),
  ...sequences('6.9', words('7f dfbf efbfbf f48fbfbf')),
  ...sequences('6.10', words('!f7bfbfbf !fbbfbfbfbf !fdbfbfbfbfbf')),
  ...sequences('6.11', words('ed9fbf ee8080 efbfbd f48fbfbf !f4908080')),
  ...sequences('6.12', [
    ...not(words('80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf')),
    `!${octetRange(0x80, 0xbe)}`,
  ]),
  ...sequences(
    '6.13',
    not([
      octetRange(0xc0, 0xde, '20'),
      octetRange(0xe0, 0xee, '20'),
      octetRange(0xf0, 0xf6, '20'),
      octetRange(0xf8, 0xfa, '20'),
      'fc20',
    ]),
  ),
  ...sequences('6.14', not(UNFINISHED)),
  ...sequences('6.15', not([UNFINISHED.join('')])),
  ...sequences('6.16', words('!fe !ff !fefeffff')),
  ...sequences('6.17', not(words('c0af e080af f08080af f8808080af fc80808080af'))),
  ...sequences('6.18', not(words('c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf'))),
  ...sequences('6.19', not(words('c080 e08080 f0808080 f880808080 fc8080808080'))),
  ...sequences('6.20', not([...LEAD, 'edb080', 'edbe80', 'edbfbf'])),
  ...sequences('6.21', not(LEAD.flatMap(lead => TRAIL.map(trail => lead + trail)))),
  ...sequences('6.22', nonCharacters()),
  ...sequences(
    '6.23',
    [0xfff9, 0xfffa, 0xfffb, 0xfffc, 0xfffd, 0xfffe, 0xffff].map(codePoint => utf8(codePoint)),
  ),
]

export const UTF8: readonly Script[] = [...FRAGMENTED, ...FAIL_FAST, ...SEQUENCES]
