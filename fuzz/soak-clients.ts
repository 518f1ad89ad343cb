/**
 * The good clients of the soak: they talk and follow, number everything, and account for it. A message that comes twice,
 * late, changed or not at all is a fault, and so is a connection that ends in any way but the one that was asked for.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { connect, eventStream } from '../lib/index.ts'
import type { Random } from '../spec/support/random.ts'

export class Account {
  sent = 0
  received = 0
  events = 0
  connections = 0
  readonly faults: string[] = []

  fault(words: string): void {
    if (this.faults.length < 100) this.faults.push(words)
  }
}

/** Numbered, of any length, so that most of it can be compressed. */
function messageOf(n: number, random: Random): string | Buffer {
  const length = random.pick([
    0,
    1,
    100,
    120,
    1000,
    4000,
    random.below(20_000),
    random.below(200) === 0 ? 300_000 : 10,
  ])
  const text = `${n} ${'the price is é '.repeat(1 + length / 15).slice(0, length)}`
  return n % 3 === 0 ? Buffer.from(text) : text
}

/** Sends, and takes each echo for the message that it must be; closes after a while, and comes again. */
export async function talk(url: string, random: Random, account: Account, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const options = url.endsWith('deflate')
      ? { perMessageDeflate: { threshold: 0, clientContextTakeover: true, serverContextTakeover: true } }
      : {}
    const socket = await connect(url, options)
    account.connections++
    const awaited: (string | Buffer)[] = []
    let isAnswered: () => void = () => {}
    socket.on('message', message => {
      const expected = awaited.shift()
      const isSame =
        expected !== undefined && typeof expected === typeof message && expected.toString() === String(message)
      if (isSame) account.received++
      else account.fault(`${url}: ${String(message).slice(0, 40)} for ${String(expected).slice(0, 40)}`)
      if (awaited.length === 0) isAnswered()
    })
    let gone = ''
    void socket.closed.then(({ code, detail }) => {
      gone = `${url}: closed with ${code}, ${detail.cause}, by ${detail.by}`
      isAnswered()
    })
    const rounds = 20 + random.below(200)
    for (let round = 0; round < rounds && !signal.aborted && gone === ''; round++) {
      const answered = new Promise<void>(resolve => (isAnswered = resolve))
      for (let n = 1 + random.below(8); n > 0; n--) {
        const message = messageOf(account.sent++, random)
        awaited.push(message)
        if (random.below(5) === 0) await socket.sendFragments([message.slice(0, 3), message.slice(3)]).catch(() => {})
        else if (!socket.send(message)) await socket.drained().catch(() => {})
      }
      if (awaited.length > 0) await answered
      await delay(random.below(30))
    }
    if (gone !== '') {
      account.fault(gone)
      continue
    }
    socket.close(1000, 'bye')
    const { code, wasClean } = await socket.closed
    if (code !== 1000 || !wasClean) account.fault(`${url}: ended with ${code}, clean: ${wasClean}`)
    if (awaited.length > 0) account.fault(`${url}: ${awaited.length} never came back`)
  }
}

/** Follows an event stream over all its ends: every event has the number behind that of the one before. */
export async function follow(url: string, account: Account, signal: AbortSignal): Promise<void> {
  let last = 0
  try {
    for await (const { data, lastEventId } of eventStream(url, { signal, reconnect: 'always', idleTimeout: 5000 })) {
      const number = Number.parseInt(data, 10)
      if (number !== last + 1 || lastEventId !== String(number))
        account.fault(`${url}: event ${number} behind ${last}`)
      last = number
      account.events++
    }
  } catch (error) {
    if (!signal.aborted) account.fault(`${url}: ${error}`)
  }
}
