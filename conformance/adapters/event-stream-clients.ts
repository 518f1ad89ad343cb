/**
 * Clients of event streams before the suite: the harness that its protocol takes, once, and what differs from client to
 * client. Those that are classes as in browsers differ by their constructor alone.
 */
import { EventSource as NpmEventSource } from 'eventsource'
import { EventSource as UndiciEventSource } from 'undici'
import { EventSource, eventStream } from 'wirewright'
import { parseEventStream } from 'wirewright/event-stream'
import { launchChromium } from '../../spec/support/chromium.ts'

interface Seen {
  readonly type: string
  readonly data?: string
  readonly lastEventId?: string
  readonly origin?: string
  readonly readyState?: number
}

/** Follows the stream until `over` resolves, and says what it has seen. */
type Client = (url: string, types: readonly string[], over: Promise<unknown>) => Promise<readonly Seen[]>
/** Plays all cases. */
export type ClientRun = (base: string, agent: string, count: number) => Promise<void>

const JOBS = 8

function runWith(client: Client): ClientRun {
  return async (base, agent, count) => {
    let next = 0
    const work = async () => {
      while (next < count) await runCase(base, `case=${++next}&agent=${encodeURIComponent(agent)}`, client)
    }
    await Promise.all(Array.from({ length: JOBS }, work))
    await fetch(`${base}/updateReports?agent=${encodeURIComponent(agent)}`)
  }
}

async function runCase(base: string, query: string, client: Client): Promise<void> {
  const begun = await (await fetch(`${base}/runEventStream?${query}`)).json()
  const { url, types, over, report } = begun as { url: string; types: string[]; over: string; report: string }
  const seen = await client(base + url, types, fetch(base + over))
  await fetch(base + report, { method: 'POST', body: JSON.stringify(seen) })
}

/** As much of the class as all of them have. */
interface Source {
  readonly readyState: number
  addEventListener(type: string, listener: (event: Event) => void): void
  close(): void
}

function asClass(open: (url: string) => Source): Client {
  return async (url, types, over) => {
    const seen: Seen[] = []
    const source = open(url)
    for (const type of [...types, 'open', 'error']) {
      source.addEventListener(type, event => {
        const { data, lastEventId, origin } = event as MessageEvent
        seen.push({ type, data, lastEventId, origin, readyState: source.readyState })
      })
    }
    await over
    source.close()
    return seen
  }
}

/** A case has a line of a mebibyte. */
const LIMITS = { maxLineBytes: 2 ** 24, maxEventBytes: 2 ** 24 }
const tls = process.env.CONFORMANCE_CA === undefined ? {} : { tls: { ca: process.env.CONFORMANCE_CA } }

/** One connection, and our parser. */
const parserAlone: Client = async (url, _, over) => {
  const seen: Seen[] = []
  const stop = new AbortController()
  void over.then(() => stop.abort())
  try {
    const response = await fetch(url, { headers: { Accept: 'text/event-stream' }, signal: stop.signal })
    const isStream = response.status === 200 && response.headers.get('content-type')?.startsWith('text/event-stream')
    if (isStream) for await (const event of parseEventStream(response.body!, LIMITS)) seen.push(event)
  } catch {
    // It is ended, or broke off: what came before it counts.
  }
  return seen
}

/** The client for those who pull. */
const puller: Client = async (url, _, over) => {
  const seen: Seen[] = []
  const stop = new AbortController()
  void over.then(() => stop.abort())
  try {
    for await (const event of eventStream(url, { signal: stop.signal, reconnect: 'always', ...LIMITS, ...tls }))
      seen.push(event)
  } catch {
    // It is ended, or not an event stream.
  }
  return seen
}

/** The page that the suite serves. */
const chromium: ClientRun = async (base, agent) => {
  const browser = await launchChromium()
  const page = await browser.newPage()
  await page.goto(`${base}/?agent=${encodeURIComponent(agent)}`)
  await page.waitForFunction('document.querySelector("#state").textContent.startsWith("Done")', undefined, {
    timeout: 300_000,
  })
  await browser.close()
}

export const EVENT_STREAM_CLIENTS: Readonly<Record<string, ClientRun>> = {
  wirewright: runWith(asClass(url => new EventSource(url, { ...LIMITS, ...tls }))),
  'wirewright eventStream': runWith(puller),
  'wirewright parser': runWith(parserAlone),
  eventsource: runWith(asClass(url => new NpmEventSource(url))),
  undici: runWith(asClass(url => new UndiciEventSource(url))),
  Chromium: chromium,
}
