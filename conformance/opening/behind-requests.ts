/**
 * Group S3: what stands behind a request, where two programs that read the same octets may read different requests out of
 * them. Behind a handshake that is taken there are frames and nothing else; behind one that is refused there is nothing; and
 * a body is no frames.
 */
import type { Case, Group, Peer } from '../case.ts'
import { OPCODE, writeFrame } from '../frame.ts'
import { GREETING } from '../greeting.ts'
import { newKey, writeHead, writeRequest } from '../handshake.ts'
import { patience } from '../patience.ts'
import { ServerPeer } from '../server-peer.ts'
import type { Behavior, Verdict } from '../verdict.ts'

export const BEHIND_REQUEST_GROUPS: readonly Group[] = [{ id: 'S3', title: 'Opening a server: behind a request' }]

/** Milliseconds for all that a server has to say. */
const LIMIT = 1000

const SMUGGLED = Buffer.from('smuggled text')

interface Behind {
  readonly title: string
  readonly clause: string
  readonly write: (peer: ServerPeer) => Buffer
  readonly judge: (answer: Answer) => readonly [Behavior, string]
}

/** Everything that came. */
interface Answer {
  readonly octets: Buffer
  /** Of each response in it. */
  readonly statuses: readonly number[]
  /** The server has ended TCP. */
  readonly isEnded: boolean
}

function text(payload: Buffer): Buffer {
  return writeFrame({ opcode: OPCODE.text, payload, maskingKey: Buffer.of(1, 2, 3, 4) })
}

function plainRequest({ target }: ServerPeer): string {
  return writeHead('GET / HTTP/1.1', { Host: new URL(target.url).host })
}

/** Two requests in one write: the first is changed by `edit`, the second is plain, or a handshake that is right. */
function pair(edit: (request: string) => string, second: 'plain' | 'handshake'): Behind['write'] {
  return peer => {
    const behind = second === 'plain' ? plainRequest(peer) : writeRequest(peer.target, newKey())
    return Buffer.from(`${edit(writeRequest(peer.target, newKey()))}${behind}`, 'latin1')
  }
}

/** A handshake with a body, in which stands a frame, and then a frame. */
function withBody(fields: (length: number) => Record<string, string>, isChunked: boolean): Behind['write'] {
  return ({ target }) => {
    const inside = text(SMUGGLED)
    const [before, after] = isChunked ? [`${inside.length.toString(16)}\r\n`, '\r\n0\r\n\r\n'] : ['', '']
    const body = Buffer.concat([Buffer.from(before), inside, Buffer.from(after)])
    return Buffer.concat([Buffer.from(writeRequest(target, newKey(), fields(body.length))), body, text(GREETING)])
  }
}

/** The first is taken. */
function judgeTaken({ octets, statuses, isEnded }: Answer): readonly [Behavior, string] {
  const [first = 0, second] = statuses
  const wanted = 'expected no answer to what stands behind a handshake'
  if (first === 0) return ['FAILED', `${wanted}, but a response to the handshake`]
  if (second !== undefined) return ['FAILED', `${wanted}, got status ${second} behind ${first}`]
  if (first !== 101) return ['OK', `refused with ${first}, as it may: a client is to wait for the response`]
  const end = octets.indexOf('\r\n\r\n') + 4
  if (octets.length > end || isEnded) return ['OK', 'it was read as frames, which it is not, and failed']
  return ['NON-STRICT', `expected it to be read as frames and failed, got nothing within ${LIMIT / 1000} s`]
}

/** The first is refused; `mayGoOn`: it is a request of HTTP all the same, and others may follow it. */
function judgeRefused(mayGoOn: boolean): Behind['judge'] {
  return ({ statuses, isEnded }) => {
    const [first = 0, second] = statuses
    const wanted = 'expected a refusal and the end of TCP'
    if (first === 0)
      return isEnded ? ['NON-STRICT', `${wanted}, but TCP was ended without a word`] : ['FAILED', wanted]
    if (first < 400) return ['FAILED', `${wanted}, got status ${first}`]
    if (second !== undefined)
      return [mayGoOn ? 'NON-STRICT' : 'FAILED', `${wanted}, got status ${second} for what stands behind`]
    return isEnded
      ? ['OK', `refused with ${first}, and TCP ended`]
      : ['NON-STRICT', `${wanted}, but it was left open`]
  }
}

function judgeBody({ octets, statuses, isEnded }: Answer): readonly [Behavior, string] {
  const [first = 0] = statuses
  const wanted = 'expected a refusal, or frames read from behind the body'
  if (first >= 400) return ['OK', `refused with ${first}`]
  if (first === 0) return isEnded ? ['NON-STRICT', `${wanted}, but TCP was ended without a word`] : ['FAILED', wanted]
  if (octets.includes(SMUGGLED)) return ['FAILED', `${wanted}, but the body was taken for frames and echoed`]
  if (octets.includes(GREETING)) return ['OK', 'the body was read, and frames behind it']
  return ['FAILED', `${wanted}; with status ${first} no echo came`]
}

const BEHINDS: readonly Behind[] = [
  {
    title: 'A GET behind a handshake, in the same write: no request any more',
    clause: 'RFC 6455 §4.2.2',
    write: pair(it => it, 'plain'),
    judge: judgeTaken,
  },
  {
    title: 'Another handshake behind a handshake: no request any more',
    clause: 'RFC 6455 §4.2.2',
    write: pair(it => it, 'handshake'),
    judge: judgeTaken,
  },
  {
    title: 'A GET behind a request that is none of HTTP: never answered',
    clause: 'RFC 9112 §2.2',
    write: pair(it => it.replace('Upgrade: w', 'Upgrade : w'), 'plain'),
    judge: judgeRefused(false),
  },
  {
    title: 'A handshake behind one that is none of HTTP: never answered',
    clause: 'RFC 9112 §2.2',
    write: pair(it => it.replace('\r\n\r\n', '\r\nno colon here\r\n\r\n'), 'handshake'),
    judge: judgeRefused(false),
  },
  {
    title: 'A handshake behind one of another version: TCP ends with the refusal',
    clause: 'RFC 6455 §4.2.1, §10.3',
    write: pair(it => it.replace('Version: 13', 'Version: 12'), 'handshake'),
    judge: judgeRefused(true),
  },
  {
    title: 'A GET behind a handshake without a key: TCP ends with the refusal',
    clause: 'RFC 6455 §4.2.1, §10.3',
    write: pair(it => it.replace(/Sec-WebSocket-Key: .*\r\n/, ''), 'plain'),
    judge: judgeRefused(true),
  },
  {
    title: 'A body of a length, in which stands a frame',
    clause: 'RFC 9110 §7.8',
    write: withBody(length => ({ 'Content-Length': String(length) }), false),
    judge: judgeBody,
  },
  {
    title: 'A chunked body, in which stands a frame',
    clause: 'RFC 9110 §7.8',
    write: withBody(() => ({ 'Transfer-Encoding': 'chunked' }), true),
    judge: judgeBody,
  },
  {
    title: 'A chunked body that has a length too',
    clause: 'RFC 9112 §6.3',
    write: withBody(length => ({ 'Content-Length': String(length), 'Transfer-Encoding': 'chunked' }), true),
    judge: judgeBody,
  },
]

export const BEHIND_REQUEST_CASES: readonly Case[] = BEHINDS.map((behind, i) => ({
  id: `S3.${i + 1}`,
  title: behind.title,
  clause: behind.clause,
  sides: ['server'],
  http: '1.1',
  weight: 'light',
  play(peer: Peer) {
    if (!(peer instanceof ServerPeer)) throw new TypeError('this is for servers')
    return play(behind, peer)
  },
}))

async function play({ write, judge }: Behind, peer: ServerPeer): Promise<Verdict> {
  const socket = await peer.connect()
  const sent = write(peer)
  peer.log.head('suite', sent.toString('latin1'))
  const parts: Buffer[] = []
  let isEnded = false
  await new Promise<void>(resolve => {
    const timer = patience(LIMIT * peer.options.pace, resolve)
    const onEnd = () => {
      isEnded = true
      timer.cancel()
      resolve()
    }
    socket
      .on('data', part => parts.push(part))
      .on('end', onEnd)
      .on('close', onEnd)
    socket.write(sent)
  })
  const octets = Buffer.concat(parts)
  peer.log.bytes('testee', octets, `all that came, ${isEnded ? 'and the end of TCP' : 'with TCP open still'}`)
  const statuses = [...octets.toString('latin1').matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) =>
    Number(status),
  )
  const [behavior, words] = judge({ octets, statuses, isEnded })
  return { behavior, behaviorClose: 'OK', words, closeWords: 'there was nothing to be closed' }
}
