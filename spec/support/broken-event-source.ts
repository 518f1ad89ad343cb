/**
 * A client of event streams that is right, or wrong in the ways that it is told: what the conformance suite is to find
 * out. It does what an EventSource does, on `node:http`. Nothing here is made with code from lib/ or from the suite.
 */
import { type ClientRequest, get, type IncomingMessage } from 'node:http'

export type ClientFault =
  | 'mark kept'
  | 'every mark lost'
  | 'CR is no line end'
  | 'CR and LF are two'
  | 'spaces kept'
  | 'all spaces lost'
  | 'comments taken'
  | 'lines without a colon lost'
  | 'names in any case'
  | 'unfinished dispatched'
  | 'empty data lost'
  | 'type lasts'
  | 'type is never empty'
  | 'ID of one event'
  | 'ID with NUL taken'
  | 'ID is never empty'
  | 'ID of the unfinished sent'
  | 'ID not sent'
  | 'ID sent as latin1'
  | 'retry with letters taken'
  | 'retry ignored'
  | 'each chunk decoded alone'
  | 'not UTF-8 is an end'
  | 'long lines are an end'
  | '204 is no end'
  | 'any type taken'
  | 'types by their beginning'
  | 'types in small letters'
  | 'any status taken'
  | 'redirects not followed'
  | 'no ID behind a redirect'
  | 'a reset is an end'
  | 'the end is an end'
  | 'rest kept'
  | 'close does nothing'
  | 'origin of nothing'
  | 'no Accept'
  | 'tells of no state'

interface Seen {
  readonly type: string
  readonly data?: string
  readonly lastEventId?: string
  readonly origin?: string
  readonly readyState?: number
}

const DEFAULT_TIME = 3000
const MANY = 2 ** 19

/** Plays these cases (from 1), several at a time. */
export async function playBrokenClient(base: string, count: number, faults: readonly ClientFault[]): Promise<void> {
  let next = 0
  const work = async () => {
    while (next < count) await playCase(base, ++next, faults)
  }
  await Promise.all(Array.from({ length: 15 }, work))
}

async function playCase(base: string, number: number, faults: readonly ClientFault[]): Promise<void> {
  const begun = await (await fetch(`${base}/runEventStream?case=${number}&agent=a`)).json()
  const { url, over, report } = begun as Record<'url' | 'over' | 'report', string>
  const source = new BrokenEventSource(`${base}${url}`, faults)
  await (await fetch(base + over)).text()
  source.close()
  await (await fetch(base + report, { method: 'POST', body: JSON.stringify(source.seen) })).text()
  source.destroyLater()
}

class BrokenEventSource {
  readonly seen: Seen[] = []
  readonly #url: string
  readonly #faults: readonly ClientFault[]
  #request: ClientRequest | undefined
  #timer: NodeJS.Timeout | undefined
  #readyState = 0
  #time = DEFAULT_TIME
  #lastEventId = ''
  /** Of the event that is being read. */
  #id = ''
  #data: string[] = []
  #type = ''
  #text = ''
  #hasBegun = false
  #isBehindCr = false
  #decoder = new TextDecoder()

  constructor(url: string, faults: readonly ClientFault[]) {
    this.#url = url
    this.#faults = faults
    this.#open(url)
  }

  close(): void {
    this.#readyState = 2
    clearTimeout(this.#timer)
    if (!this.#has('close does nothing')) this.#request?.destroy()
  }

  destroyLater(): void {
    setTimeout(() => this.#request?.destroy(), 3000).unref()
  }

  #has(fault: ClientFault): boolean {
    return this.#faults.includes(fault)
  }

  #open(url: string, isRedirected = false): void {
    const id = this.#has('ID of the unfinished sent') ? this.#id : this.#lastEventId
    const isSent = id !== '' && !this.#has('ID not sent') && !(isRedirected && this.#has('no ID behind a redirect'))
    const value = this.#has('ID sent as latin1')
      ? id.replace(/[^\p{ASCII}]/gu, '?')
      : Buffer.from(id).toString('latin1')
    const headers = {
      ...(this.#has('no Accept') ? {} : { Accept: 'text/event-stream' }),
      'Cache-Control': 'no-cache',
      ...(isSent ? { 'Last-Event-ID': value } : {}),
    }
    let isOver = false
    const over = (isEnd: boolean) => {
      if (isOver) return
      isOver = true
      this.#lost(isEnd)
    }
    try {
      this.#request = get(url, { headers, agent: false }, response => this.#onResponse(response, url, over))
    } catch {
      return this.#fail()
    }
    this.#request.on('error', () => over(false))
  }

  #onResponse(response: IncomingMessage, url: string, over: (isEnd: boolean) => void): void {
    const { statusCode: status = 0, headers } = response
    response.on('error', () => over(false))
    if ([301, 302, 303, 307, 308].includes(status) && !this.#has('redirects not followed')) {
      response.destroy()
      const { location } = headers
      if (location === undefined || !new URL(location, url).protocol.startsWith('http')) return this.#fail()
      return this.#open(new URL(location, url).href, true)
    }
    if (!this.#isStream(status, headers['content-type'])) {
      if (status === 204 && this.#has('204 is no end')) return over(true)
      response.destroy()
      return this.#fail()
    }
    this.#begin()
    response.on('data', chunk => this.#onData(chunk))
    response.on('end', () => over(true)).on('close', () => over(false))
  }

  #isStream(status: number, type = ''): boolean {
    if (status === 204 || (status !== 200 && !this.#has('any status taken'))) return false
    if (this.#has('any type taken')) return true
    if (this.#has('types by their beginning')) return type.toLowerCase().startsWith('text/event-stream')
    const essence = type.split(';')[0]!.trim()
    return (this.#has('types in small letters') ? essence : essence.toLowerCase()) === 'text/event-stream'
  }

  #begin(): void {
    this.#readyState = 1
    this.#tell({ type: 'open' })
    if (this.#has('rest kept')) return
    this.#decoder = new TextDecoder('utf-8', { fatal: this.#has('not UTF-8 is an end'), ignoreBOM: true })
    this.#hasBegun = false
    this.#isBehindCr = false
    this.#text = ''
    this.#clear()
  }

  #clear(): void {
    this.#data = []
    if (!this.#has('type lasts')) this.#type = ''
    if (!this.#has('ID of the unfinished sent')) this.#id = this.#lastEventId
  }

  #onData(chunk: Buffer): void {
    if (this.#readyState === 2) return
    let text: string
    try {
      text = this.#has('each chunk decoded alone') ? chunk.toString() : this.#decoder.decode(chunk, { stream: true })
    } catch {
      this.#request?.destroy()
      return this.#fail()
    }
    if (text === '') return
    if (!this.#hasBegun && !this.#has('mark kept')) text = text.replace(/^\ufeff/, '')
    if (this.#has('every mark lost')) text = text.replaceAll('\ufeff', '')
    this.#hasBegun = true
    if (this.#isBehindCr) text = text.replace(/^\n/, '')
    this.#isBehindCr = false
    this.#text += text
    if (this.#has('long lines are an end') && this.#text.length > MANY) {
      this.#request?.destroy()
      return this.#fail()
    }
    this.#readLines()
  }

  #readLines(): void {
    const ends = this.#has('CR is no line end') ? /\r?\n/g : /\r\n|\n|\r(?!$)/g
    let at = 0
    for (const { index, 0: end } of this.#text.matchAll(ends)) {
      this.#onLine(this.#text.slice(at, index))
      at = index + end.length
    }
    this.#text = this.#text.slice(at)
    // A CR at the end may be half of a CRLF: its line is over, and a LF that follows is nothing.
    if (!this.#text.endsWith('\r') || this.#has('CR is no line end')) return
    this.#onLine(this.#text.slice(0, -1))
    this.#text = ''
    if (!this.#has('CR and LF are two')) this.#isBehindCr = true
  }

  #onLine(line: string): void {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    if (colon < 0 && this.#has('lines without a colon lost')) return
    let name = colon < 0 ? line : line.slice(0, colon)
    let value = colon < 0 ? '' : line.slice(colon + 1)
    if (this.#has('all spaces lost')) value = value.trimStart()
    else if (!this.#has('spaces kept')) value = value.replace(/^ /, '')
    if (this.#has('names in any case')) name = name.toLowerCase()
    if (name === 'data' || (name === '' && this.#has('comments taken'))) this.#data.push(value)
    else if (name === 'event') this.#type = value === '' && this.#has('type is never empty') ? this.#type : value
    else if (name === 'id') this.#onId(value)
    else if (name === 'retry') this.#onRetry(value)
  }

  #onId(value: string): void {
    if (value.includes('\0') && !this.#has('ID with NUL taken')) return
    if (value === '' && this.#has('ID is never empty')) return
    this.#id = value
  }

  #onRetry(value: string): void {
    if (this.#has('retry ignored')) this.#time = 900
    else if (/^[0-9]+$/.test(value)) this.#time = Math.min(Number(value), 2 ** 31 - 1)
    else if (this.#has('retry with letters taken')) this.#time = Number.parseInt(value, 10) || this.#time
  }

  #dispatch(): void {
    this.#lastEventId = this.#id
    const data = this.#data.join('\n')
    if (this.#data.length > 0 && !(data === '' && this.#has('empty data lost'))) {
      const { origin } = new URL(this.#url)
      this.seen.push({
        type: this.#type === '' ? 'message' : this.#type,
        data,
        lastEventId: this.#lastEventId,
        origin: this.#has('origin of nothing') ? 'null' : origin,
      })
    }
    if (this.#has('ID of one event')) this.#lastEventId = ''
    this.#clear()
  }

  #lost(isEnd: boolean): void {
    if (this.#readyState === 2) return
    if (this.#has('unfinished dispatched')) {
      if (this.#text !== '') this.#onLine(this.#text)
      this.#text = ''
      this.#dispatch()
    }
    if (this.#has(isEnd ? 'the end is an end' : 'a reset is an end')) return this.#fail()
    this.#readyState = 0
    this.#tell({ type: 'error', readyState: 0 })
    this.#timer = setTimeout(() => this.#open(this.#url), this.#time)
  }

  #fail(): void {
    if (this.#readyState === 2) return
    this.#readyState = 2
    this.#tell({ type: 'error', readyState: 2 })
  }

  #tell(seen: Seen): void {
    if (!this.#has('tells of no state')) this.seen.push(seen)
  }
}
