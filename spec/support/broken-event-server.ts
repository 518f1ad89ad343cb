/**
 * A server of event streams on bare sockets that is right, or wrong in the ways that it is told: what the conformance
 * suite is to find out. Numbered events, ten milliseconds apart, are sent to all and kept; `POST` of an event as JSON is
 * answered by that event. Nothing here is made with code from lib/ or from the suite.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'

export type ServerFault =
  | 'wrong content type'
  | 'wrong charset'
  | 'may be cached'
  | 'encoded unasked'
  | 'has a length'
  | 'not flushed'
  | 'chunks end with LF'
  | 'chunks too long'
  | 'ends without a last chunk'
  | 'chunked for HTTP/1.0'
  | 'HEAD with a body'
  | 'queries refused'
  | 'Accept needed'
  | 'not UTF-8'
  | 'marks amid the stream'
  | 'unknown fields'
  | 'events without an empty line'
  | 'types without data'
  | 'ID twice'
  | 'ID with NUL'
  | 'ID with control characters'
  | 'retry with letters'
  | 'forged by LF'
  | 'forged by CR'
  | 'spaces lost'
  | 'empty data lost'
  | 'surrogates refused'
  | 'last line end lost'
  | 'ID with NUL written'
  | 'any retry written'
  | 'does not post'
  | 'posts data alone'
  | 'no IDs'
  | 'replay repeats'
  | 'no replay'
  | 'replay of other data'
  | 'replay in reverse'
  | 'drops who has a strange ID'
  | '500 for a strange ID'
  | 'strange IDs stop it'
  | 'one stream at a time'
  | 'waits for the slowest'
  | 'dies of a reset'
  | 'silent'

export interface EventServer {
  readonly url: string
  close(): Promise<void>
}

interface Request {
  readonly method: string
  readonly path: string
  readonly version: string
  readonly fields: ReadonlyMap<string, string>
  readonly body: string
}

interface Kept {
  readonly id: string
  readonly data: string
}

type Given = Readonly<Record<string, string | number | undefined>>

const INTERVAL = 10

export async function brokenEventServer(faults: readonly ServerFault[]): Promise<EventServer> {
  const it = new Broken(faults)
  const server = createServer(socket => it.onSocket(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`,
    async close() {
      it.close()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

class Broken {
  readonly #faults: readonly ServerFault[]
  readonly #sockets = new Set<Socket>()
  readonly #listeners = new Map<Socket, (event: Kept) => void>()
  readonly #kept: Kept[] = []
  #timer: NodeJS.Timeout | undefined
  #isDead = false

  constructor(faults: readonly ServerFault[]) {
    this.#faults = faults
    if (!this.#has('silent')) this.#timer = setInterval(() => this.#tick(), INTERVAL)
  }

  close(): void {
    clearInterval(this.#timer)
    for (const socket of this.#sockets) socket.destroy()
  }

  onSocket(socket: Socket): void {
    this.#sockets.add(socket)
    if (this.#isDead) return void socket.destroy()
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#listeners.delete(socket)
    })
    socket.on('error', () => {
      if (this.#has('dies of a reset')) this.#isDead = true
    })
    let pieces: Buffer[] = []
    let [length, wanted] = [0, 0]
    socket.on('data', chunk => {
      pieces.push(chunk)
      length += chunk.length
      if (length < wanted) return
      const request = readRequest(Buffer.concat(pieces))
      if (typeof request === 'number') wanted = request
      else {
        pieces = []
        length = 0
        this.#answer(socket, request)
      }
    })
  }

  #has(fault: ServerFault): boolean {
    return this.#faults.includes(fault)
  }

  #tick(): void {
    const isHeld = [...this.#sockets].some(socket => socket.writableLength > 0)
    if (this.#has('waits for the slowest') && isHeld) return
    const number = this.#kept.length + 1
    const event = { id: this.#idOf(number), data: `event ${number}` }
    this.#kept.push(event)
    for (const listener of this.#listeners.values()) listener(event)
  }

  #idOf(number: number): string {
    if (this.#has('ID with NUL')) return `${number}\0`
    return this.#has('ID with control characters') ? `${number}\x01` : String(number)
  }

  #answer(socket: Socket, request: Request): void {
    const { method, path, fields } = request
    if (this.#has('queries refused') && path.includes('?')) return refuse(socket, '404 Not Found')
    if (this.#has('Accept needed') && !fields.get('accept')?.includes('text/event-stream'))
      return refuse(socket, '406 Not Acceptable')
    if (method === 'POST') return this.#post(socket, request)
    const lastEventId = fields.get('last-event-id')
    const at = this.#kept.findIndex(({ id }) => id === lastEventId)
    const isStrange = lastEventId !== undefined && at < 0
    if (isStrange && this.#has('strange IDs stop it')) this.#isDead = true
    if (isStrange && (this.#has('drops who has a strange ID') || this.#isDead)) return void socket.destroy()
    if (isStrange && this.#has('500 for a strange ID')) return refuse(socket, '500 Internal Server Error')
    if (this.#has('one stream at a time') && this.#listeners.size > 0) return refuse(socket, '503 Busy')
    const write = this.#begin(socket, request)
    if (write === undefined) return
    for (const event of this.#replay(at)) write(this.#numbered(event))
    this.#listeners.set(socket, event => write(this.#numbered(event)))
    if (this.#has('ends without a last chunk')) setTimeout(() => socket.end(), 5 * INTERVAL)
    socket.on('end', () => socket.end())
  }

  #replay(at: number): readonly Kept[] {
    if (at < 0 || this.#has('no replay')) return []
    const missed = this.#kept.slice(this.#has('replay repeats') ? at : at + 1)
    if (this.#has('replay of other data')) return missed.map(({ id }) => ({ id, data: 'again' }))
    return this.#has('replay in reverse') ? missed.toReversed() : missed
  }

  /** The text of a numbered event, with what is wrong in it. */
  #numbered({ id, data }: Kept): string {
    const extra = [
      this.#has('unknown fields') ? 'name: x\n' : '',
      this.#has('ID twice') ? 'id: x\n' : '',
      this.#has('retry with letters') ? 'retry: 5s\n' : '',
      this.#has('types without data') ? 'event: note\n\n' : '',
      this.#has('marks amid the stream') ? '\ufeff:\n' : '',
      this.#has('not UTF-8') ? '\udcff:\n' : '',
    ]
    const end = this.#has('events without an empty line') ? '' : '\n'
    return `${extra.join('')}${this.#has('no IDs') ? '' : `id: ${id}\n`}data: ${data}\n${end}`
  }

  #post(socket: Socket, request: Request): void {
    if (this.#has('does not post')) return refuse(socket, '405 Method Not Allowed')
    const text = this.#encode(JSON.parse(request.body))
    if (text === undefined) return refuse(socket, '400 Bad Request')
    this.#begin(socket, request)?.(text)
  }

  /** Undefined where it is refused. */
  #encode({ data, event, id, retry, comment }: Given): string | undefined {
    const isRaw = this.#has('forged by LF')
    const ends = this.#has('forged by CR') ? /\n/g : /\r\n|\r|\n/g
    const lines = (name: string, value: string) =>
      (isRaw ? [value] : value.split(ends))
        .map(line => `${name}:${this.#has('spaces lost') ? '' : ' '}${line}\n`)
        .join('')
    const isLine = (value: string) => isRaw || !value.match(ends)
    let text = ''
    if (!this.#has('posts data alone')) {
      if (comment !== undefined) text += lines('', String(comment))
      if (retry !== undefined) {
        const isRight = Number.isSafeInteger(retry) && Number(retry) >= 0
        if (!isRight && !isRaw && !this.#has('any retry written')) return undefined
        if (!isLine(String(retry))) return undefined
        text += `retry: ${retry}\n`
      }
      if (event !== undefined && !isLine(String(event))) return undefined
      if (event !== undefined) text += lines('event', String(event))
      if (id !== undefined && !isLine(String(id))) return undefined
      if (id !== undefined && String(id).includes('\0') && !this.#has('ID with NUL written')) return undefined
      if (id !== undefined) text += lines('id', String(id))
    }
    const given = String(data ?? '')
    if (this.#has('surrogates refused') && /\p{Cs}/u.test(given)) return undefined
    const written = this.#has('last line end lost') ? given.replace(/[\r\n]+$/, '') : given
    return given === '' && this.#has('empty data lost') ? `${text}\n` : `${text}${lines('data', written)}\n`
  }

  /** Writes the head; what it returns writes to the body. */
  #begin(socket: Socket, { method, version }: Request): ((text: string) => void) | undefined {
    const isChunked = (version === '1.1' || this.#has('chunked for HTTP/1.0')) && !this.#has('has a length')
    const fields = [
      `Content-Type: ${this.#has('wrong content type') ? 'text/plain' : this.#has('wrong charset') ? 'text/event-stream; charset=latin1' : 'text/event-stream'}`,
      `Cache-Control: ${this.#has('may be cached') ? 'max-age=60' : 'no-store'}`,
      'Connection: close',
      ...(this.#has('encoded unasked') ? ['Content-Encoding: gzip'] : []),
      ...(this.#has('has a length') ? ['Content-Length: 1000000'] : []),
      ...(isChunked ? ['Transfer-Encoding: chunked'] : []),
    ]
    socket.write(`HTTP/1.1 200 OK\r\n${fields.map(field => `${field}\r\n`).join('')}\r\n`)
    if (method === 'HEAD' && !this.#has('HEAD with a body')) return void socket.end()
    const write = (text: string) => {
      if (!socket.writable || this.#has('not flushed')) return
      const bytes = bytesOf(text)
      socket.write(isChunked ? this.#chunk(bytes) : bytes)
    }
    write(':\n\n')
    return write
  }

  #chunk(bytes: Buffer): Buffer {
    const size = (bytes.length + (this.#has('chunks too long') ? 1 : 0)).toString(16)
    const end = this.#has('chunks end with LF') ? '\n' : '\r\n'
    return Buffer.concat([Buffer.from(`${size}${end}`), bytes, Buffer.from(end)])
  }
}

/** UTF-8, but that U+DCFF stands for the octet FF. */
function bytesOf(text: string): Buffer {
  return Buffer.concat(
    text.split('\udcff').flatMap((part, i) => (i === 0 ? [] : [Buffer.of(0xff)]).concat(Buffer.from(part))),
  )
}

function refuse(socket: Socket, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** How long it is, where that is known, while it is not whole. */
function readRequest(bytes: Buffer): Request | number {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return 0
  const [start = '', ...lines] = bytes.toString('utf8', 0, end).split('\r\n')
  const [method = '', path = '', version = ''] = start.split(' ')
  const fields = new Map(
    lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const length = Number(fields.get('content-length') ?? 0)
  if (bytes.length < end + 4 + length) return end + 4 + length
  return { method, path, version: version.slice(5), fields, body: bytes.toString('utf8', end + 4, end + 4 + length) }
}
