/**
 * Echo endpoints on bare sockets, servers and clients, good or broken in ways that can be named: what a conformance suite
 * must tell apart. Written from RFC 6455 alone, with nothing of lib/ or of the suite that judges them.
 */
import { createHash, randomBytes } from 'node:crypto'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { closePayload, rawFrame } from './raw-frames.ts'

export type Fault =
  | 'no UTF-8 check'
  | 'late UTF-8 check'
  | 'RSV bits accepted'
  | 'reserved opcodes accepted'
  | 'fragmented control frames accepted'
  | 'long control frames accepted'
  | 'any masking accepted'
  | 'continuation of nothing accepted'
  | 'new message amid another accepted'
  | 'any close code accepted'
  | 'any close payload accepted'
  | 'wrong close code'
  | 'close code not echoed'
  | 'close never answered'
  | 'TCP never ended'
  | 'TCP dropped without close'
  | 'no pong'
  | 'pong without payload'
  | 'pongs last'
  | 'pongs come late'
  | 'echo doubled'
  | 'echo truncated'
  | 'echo of the other type'
  | 'echo of other content'
  | 'nothing echoed'
  | 'only whole messages'
  | 'answers after close'
  | 'masks wrongly'
  | 'RSV1 set'
  | 'length not minimal'
  | 'any length accepted'
  | 'lengths of 32 bits'
  | 'frames in pieces lost'
  | 'back-pressure ignored'
  | 'goes on after a fault'
  | 'impatient'
  | 'half-open for ever'
  | 'dies of a reset'
  | 'wrong accept'
  | 'refuses'
  | 'any request accepted'
  | 'bad requests dropped'
  | 'versions not told'
  | 'second request answered'
  | 'open after a refusal'
  | 'bodies taken for frames'
  | 'folds accepted'
  | 'interim responses not skipped'
  | 'any response accepted'
  | 'bad responses ignored'
  | 'empty messages lost'
  | 'long messages refused'
  | 'deflate context kept'
  | 'deflate context lost'
  | 'deflate window ignored'
  | 'BFINAL ends the context'
  | 'BFINAL ends compression'
  | 'all messages in the window'
  | 'inflates anything'
  | 'bombs taken'
  | 'window for clients unasked'
  | 'parameters not answered'

interface Agreement {
  /** Of what we send and of what we get. */
  readonly out: { readonly bits: number; readonly takeover: boolean }
  readonly in: { readonly bits: number; readonly takeover: boolean }
}

const MAX_LENGTH = 2 ** 26
const TAIL = Buffer.from('0000ffff', 'hex')

export class BrokenEcho {
  readonly #socket: Duplex
  readonly #role: 'server' | 'client'
  readonly #faults: ReadonlySet<Fault>
  readonly #deflate: Agreement | undefined
  #received: Buffer
  #opcode = 0
  #compressed = false
  #message: Buffer[] | undefined
  #closing = false
  #isDeaf = false
  #over = false
  #latePongs: Buffer[] = []
  #windows: { out: Buffer; in: Buffer } = { out: Buffer.alloc(0), in: Buffer.alloc(0) }

  constructor(
    socket: Duplex,
    role: 'server' | 'client',
    faults: ReadonlySet<Fault>,
    deflate?: Agreement,
    head = Buffer.alloc(0),
  ) {
    this.#socket = socket
    this.#role = role
    this.#faults = faults
    this.#deflate = deflate
    this.#received = head
    socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
      this.#read()
    })
    socket.on('drain', () => socket.resume())
    if (faults.has('impatient')) setTimeout(() => socket.destroy(), 300).unref()
    if (head.length > 0) setImmediate(() => this.#read())
  }

  #has(fault: Fault): boolean {
    return this.#faults.has(fault)
  }

  #read(): void {
    while (!this.#over && this.#received.length >= 2) {
      const [byte0, byte1] = [this.#received[0]!, this.#received[1]!]
      const short = byte1 & 127
      const size = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0)
      const masked = byte1 > 127
      if (this.#received.length < size + (masked ? 4 : 0)) return
      const length =
        short < 126
          ? short
          : short === 126
            ? this.#received.readUInt16BE(2)
            : Number(BigInt.asUintN(this.#has('lengths of 32 bits') ? 32 : 64, this.#received.readBigUInt64BE(2)))
      const frame = { fin: byte0 > 127, rsv: (byte0 >> 4) & 7, opcode: byte0 & 15, masked, length }
      if (this.#breaksRule(frame)) return this.#fail(1002)
      if (!this.#has('any length accepted')) {
        const isMinimal = size === 2 || length >= (size === 4 ? 126 : 65_536)
        if (!isMinimal && !this.#has('lengths of 32 bits')) return this.#fail(1002)
        if (length > MAX_LENGTH) return this.#fail(1009)
      }
      const start = size + (masked ? 4 : 0)
      const part = Buffer.from(this.#received.subarray(start, start + length))
      const key = this.#received.subarray(size, start)
      if (masked) for (let i = 0; i < part.length; i++) part[i]! ^= key[i & 3]!
      if (this.#isBadText(frame, part)) return this.#fail(1007)
      if (part.length < length && this.#has('frames in pieces lost')) this.#received = Buffer.alloc(0)
      if (part.length < length) return
      this.#received = this.#received.subarray(start + length)
      this.#onFrame(frame, part)
    }
  }

  #breaksRule({
    fin,
    rsv,
    opcode,
    masked,
    length,
  }: {
    fin: boolean
    rsv: number
    opcode: number
    masked: boolean
    length: number
  }): boolean {
    const allowed = this.#deflate !== undefined && (opcode === 1 || opcode === 2) ? 4 : 0
    const control = opcode >= 8
    return (
      ((rsv & ~allowed) !== 0 && !this.#has('RSV bits accepted')) ||
      ((opcode & 7) > 2 && !this.#has('reserved opcodes accepted')) ||
      (masked !== (this.#role === 'server') && !this.#has('any masking accepted')) ||
      (control && !fin && !this.#has('fragmented control frames accepted')) ||
      (control && length > 125 && !this.#has('long control frames accepted')) ||
      (opcode === 8 && length === 1 && !this.#has('any close payload accepted')) ||
      (opcode === 0 && this.#message === undefined && !this.#has('continuation of nothing accepted')) ||
      ((opcode === 1 || opcode === 2) &&
        this.#message !== undefined &&
        !this.#has('new message amid another accepted')) ||
      (!fin && !control && this.#has('only whole messages'))
    )
  }

  /** Fail fast: a text that can no more become UTF-8. Compressed text is looked at when it is whole. */
  #isBadText(
    { fin, rsv, opcode, length }: { fin: boolean; rsv: number; opcode: number; length: number },
    part: Buffer,
  ): boolean {
    const isText = opcode === 1 || (opcode === 0 && this.#opcode === 1)
    if (!isText || rsv !== 0 || this.#compressed || this.#has('no UTF-8 check')) return false
    const isWhole = fin && part.length === length
    if (this.#has('late UTF-8 check') && !isWhole) return false
    return !isUtf8([...(this.#message ?? []), part], isWhole)
  }

  #onFrame({ fin, rsv, opcode }: { fin: boolean; rsv: number; opcode: number }, payload: Buffer): void {
    if (opcode === 8) return this.#onClose(payload)
    if (opcode === 9) return this.#onPing(payload)
    if (opcode > 2) return
    if (opcode !== 0) {
      this.#opcode = opcode
      this.#compressed = rsv === 4 && this.#deflate !== undefined
      this.#message = []
    }
    this.#message ??= []
    this.#message.push(payload)
    if (!fin) return
    const whole = Buffer.concat(this.#message)
    this.#message = undefined
    const message = this.#compressed ? this.#inflate(whole) : whole
    if (!this.#compressed && this.#deflate !== undefined && this.#has('all messages in the window'))
      this.#windows.in = Buffer.concat([this.#windows.in, whole])
    const isBadText = this.#compressed && this.#opcode === 1 && !isUtf8([message], true)
    if (isBadText && !this.#has('no UTF-8 check')) return this.#fail(1007)
    if (!this.#over) this.#echo(this.#opcode || 2, message)
    this.#opcode = 0
    this.#compressed = false
    for (const pong of this.#latePongs.splice(0)) this.#send(10, pong)
  }

  #onPing(payload: Buffer): void {
    if (this.#has('no pong') || (this.#closing && !this.#has('answers after close'))) return
    const answer = this.#has('pong without payload') ? Buffer.alloc(0) : payload
    if (this.#has('pongs last') && this.#message !== undefined) this.#latePongs.push(answer)
    else if (this.#has('pongs come late')) setTimeout(() => this.#send(10, answer), 20_000).unref()
    else this.#send(10, answer)
  }

  #echo(opcode: number, message: Buffer): void {
    if (this.#has('nothing echoed') || (this.#has('empty messages lost') && message.length === 0)) return
    if (this.#has('long messages refused') && message.length > 65_535) return this.#fail(1009)
    let back = message
    if (this.#has('echo truncated')) back = message.subarray(0, Math.max(0, message.length - 1))
    if (this.#has('echo of other content')) back = Buffer.alloc(message.length, 'x')
    const type = this.#has('echo of the other type') ? 3 - opcode : opcode
    this.#send(type, back)
    if (this.#has('echo doubled')) this.#send(type, back)
  }

  #onClose(payload: Buffer): void {
    this.#closing = true
    const code = payload.length >= 2 ? payload.readUInt16BE(0) : undefined
    const isValid =
      code === undefined ||
      (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) ||
      (code >= 3000 && code <= 4999)
    if (!isValid && !this.#has('any close code accepted')) return this.#fail(1002)
    if (!isUtf8([payload.subarray(2)], true) && !this.#has('any close payload accepted')) return this.#fail(1007)
    if (this.#has('close never answered')) return
    if (this.#has('TCP dropped without close')) return this.#end()
    const echoed = this.#has('wrong close code') ? 4321 : this.#has('close code not echoed') ? undefined : code
    this.#send(8, echoed === undefined ? Buffer.alloc(0) : closePayload(echoed))
    if (this.#has('answers after close')) return void setTimeout(() => this.#end(), 20)
    if (this.#role === 'server' && !this.#has('TCP never ended')) this.#end()
    this.#over = true
  }

  #fail(code: number): void {
    this.#over = !this.#has('goes on after a fault')
    if (!this.#over) {
      this.#received = this.#received.subarray(2 + (this.#received[1]! & 127) + (this.#role === 'server' ? 4 : 0))
      this.#send(8, closePayload(code))
      return
    }
    if (this.#has('TCP dropped without close')) return this.#end()
    this.#send(8, closePayload(this.#has('wrong close code') ? 4321 : code))
    if (this.#role === 'server' && !this.#has('TCP never ended')) this.#end()
  }

  #end(): void {
    this.#over = true
    this.#socket.end()
  }

  #send(opcode: number, payload: Buffer): void {
    const compresses = this.#deflate !== undefined && opcode < 8
    const masks = (this.#role === 'client') !== this.#has('masks wrongly')
    const bytes = rawFrame({
      opcode,
      rsv: compresses || this.#has('RSV1 set') ? 4 : 0,
      payload: compresses ? this.#compress(payload) : payload,
      mask: masks ? [...randomBytes(4)] : undefined,
      ...(this.#has('length not minimal') ? { extended: 8 as const } : {}),
    })
    if (!this.#socket.write(bytes) && !this.#has('back-pressure ignored')) this.#socket.pause()
  }

  #compress(message: Buffer): Buffer {
    const { bits, takeover } = this.#deflate!.out
    const bytes = deflateRawSync(message, {
      windowBits: this.#has('deflate window ignored') ? 15 : bits,
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(this.#windows.out.length > 0 ? { dictionary: this.#windows.out } : {}),
    })
    if (takeover || this.#has('deflate context kept')) {
      this.#windows.out = Buffer.concat([this.#windows.out, message]).subarray(
        -(this.#has('deflate window ignored') ? 32_768 : 2 ** bits),
      )
    }
    return bytes.subarray(0, bytes.length - 4)
  }

  #inflate(payload: Buffer): Buffer {
    const { bits, takeover } = this.#deflate!.in
    const isFinal = ((payload[0] ?? 0) & 1) === 1
    if (this.#isDeaf) return Buffer.alloc(0)
    this.#isDeaf = isFinal && this.#has('BFINAL ends compression')
    try {
      const message = inflateRawSync(Buffer.concat([payload, TAIL]), {
        windowBits: bits,
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: MAX_LENGTH,
        ...(this.#windows.in.length > 0 ? { dictionary: this.#windows.in } : {}),
      })
      if (takeover && !this.#has('deflate context lost')) {
        this.#windows.in = Buffer.concat([this.#windows.in, message]).subarray(-(2 ** bits))
      }
      if (isFinal && this.#has('BFINAL ends the context')) this.#windows.in = Buffer.alloc(0)
      return message
    } catch (error) {
      const isBomb = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      if (!this.#has(isBomb ? 'bombs taken' : 'inflates anything')) this.#fail(isBomb ? 1009 : 1007)
      return Buffer.alloc(0)
    }
  }
}

/** Whether the parts are UTF-8; if they are not all, whether they are the beginning of it. */
function isUtf8(parts: readonly Buffer[], whole: boolean): boolean {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  try {
    // TextDecoder does not tell at once of what can no more become right.
    const bytes = Buffer.concat(parts)
    decoder.decode(bytes, { stream: !whole })
    return whole || couldContinue(bytes)
  } catch {
    return false
  }
}

/** Whether some continuation of the last, unfinished sequence is valid: the second octet's ranges of RFC 3629 §4. */
function couldContinue(bytes: Buffer): boolean {
  let lead = bytes.length - 1
  while (lead >= 0 && lead > bytes.length - 4 && (bytes[lead]! & 0xc0) === 0x80) lead--
  const [first = 0, second] = [bytes[lead], bytes[lead + 1]]
  if (lead < 0 || first < 0xc2 || second === undefined) return true
  const [low, high] =
    first === 0xe0
      ? [0xa0, 0xbf]
      : first === 0xed
        ? [0x80, 0x9f]
        : first === 0xf0
          ? [0x90, 0xbf]
          : first === 0xf4
            ? [0x80, 0x8f]
            : [0x80, 0xbf]
  return second >= low! && second <= high!
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

function field(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: *(.*?)\r$`, 'im').exec(head)?.[1]
}

/** A head of any length would be taken, were it not for this. */
const MAX_HEAD = 65_536

function values(head: string, name: string): string[] {
  const lines = head.split('\r\n').slice(1)
  return lines
    .filter(line => line.toLowerCase().startsWith(`${name}:`))
    .map(line => line.slice(name.length + 1).trim())
}

function hasToken(head: string, name: string, token: string): boolean {
  const list = values(head, name).join(',').toLowerCase().split(',')
  return list.some(member => member.trim() === token)
}

/** §4.2.1 and RFC 9112: the status with which a request is refused; undefined if it is right. */
function refusalOf(head: string, faults: ReadonlySet<Fault>): string | undefined {
  const [startLine = '', ...lines] = (faults.has('folds accepted') ? head.replace(/\r\n /g, '') : head).split('\r\n')
  const one = (name: string) => (values(head, name).length === 1 ? values(head, name)[0]! : '')
  if (head.length > MAX_HEAD) return '431 Request Header Fields Too Large'
  if (!lines.every(line => /^[^\s:]+:[^\0\r\n]*$/.test(line)) || one('host') === '') return '400 Bad Request'
  const isEmpty = ['', '0'].includes(values(head, 'content-length').join()) && one('transfer-encoding') === ''
  if (!isEmpty && !faults.has('bodies taken for frames')) return '400 Bad Request'
  if (!/^GET \S+ HTTP\/1\.1$/.test(startLine)) return '405 Method Not Allowed'
  if (!hasToken(head, 'upgrade', 'websocket') || !hasToken(head, 'connection', 'upgrade'))
    return '426 Upgrade Required'
  if (one('sec-websocket-version') !== '13') return '426 Upgrade Required'
  return /^[A-Za-z0-9+/]{22}==$/.test(one('sec-websocket-key')) ? undefined : '400 Bad Request'
}

/** §4.1: whether a client that offers nothing may take the response. */
function isRight(head: string, key: string): boolean {
  return (
    head.length <= MAX_HEAD &&
    /^HTTP\/1\.1 101 /.test(head) &&
    hasToken(head, 'upgrade', 'websocket') &&
    hasToken(head, 'connection', 'upgrade') &&
    values(head, 'sec-websocket-accept').join() === acceptOf(key) &&
    values(head, 'sec-websocket-extensions').length + values(head, 'sec-websocket-protocol').length === 0
  )
}

/** What a server agrees to of the first offer, and the field that says so. */
function agree(
  offers: string | undefined,
  faults: ReadonlySet<Fault>,
): { agreement: Agreement; value: string } | undefined {
  const [offer] = (offers ?? '').split(',')
  if (offer === undefined || !/^\s*permessage-deflate/.test(offer)) return undefined
  const bits = Number(/server_max_window_bits="?(\d+)/.exec(offer)?.[1] ?? 15)
  const server = /server_no_context_takeover/.test(offer)
  // Where it is offered with more, it is left out, so that a context that is lost shows.
  const forgets = /^\s*permessage-deflate; client_no_context_takeover$/.test(offer)
  const isTold = !faults.has('parameters not answered')
  const value = [
    'permessage-deflate',
    ...(server && isTold ? ['server_no_context_takeover'] : []),
    ...(offer.includes('server_max_window_bits') && isTold ? [`server_max_window_bits=${bits}`] : []),
    ...(forgets ? ['client_no_context_takeover'] : []),
    ...(faults.has('window for clients unasked') ? ['client_max_window_bits=15'] : []),
  ].join('; ')
  return { value, agreement: { out: { bits, takeover: !server }, in: { bits: 15, takeover: !forgets } } }
}

export interface BrokenServer {
  readonly url: string
  close(): Promise<void>
}

/** An echo server with these faults. */
export async function brokenServer(
  faults: readonly Fault[],
  options: { deflate?: boolean } = {},
): Promise<BrokenServer> {
  const known = new Set(faults)
  const sockets = new Set<Socket>()
  const server: Server = createServer({ noDelay: true, allowHalfOpen: known.has('half-open for ever') }, socket => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    if (known.has('impatient')) setTimeout(() => socket.destroy(), 300).unref()
    if (known.has('dies of a reset')) socket.on('error', () => server.close())
    let text = ''
    socket.on('data', function onData(chunk: Buffer) {
      text = `${text}${chunk.toString('latin1')}`.replace(/^\r\n/, '')
      let end = text.indexOf('\r\n\r\n')
      if (end < 0 && /[^\r]\n/.test(text)) end = text.length
      if (end < 0) return
      socket.off('data', onData)
      const answersAgain = known.has('second request answered') && text.startsWith('GET ', end + 4)
      if (answersAgain) setImmediate(() => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
      const refusal = refusalOf(text.slice(0, end), known)
      if (refusal !== undefined && !known.has('any request accepted')) {
        if (known.has('bad requests dropped')) return void socket.end()
        const versions = known.has('versions not told') ? '' : 'Sec-WebSocket-Version: 13\r\n'
        socket.write(`HTTP/1.1 ${refusal}\r\n${versions}Content-Length: 0\r\n\r\n`)
        if (!answersAgain && !known.has('open after a refusal')) socket.end()
        return
      }
      const agreed = options.deflate ? agree(field(text, 'Sec-WebSocket-Extensions'), known) : undefined
      const key = field(text, 'Sec-WebSocket-Key') ?? ''
      const status = known.has('refuses') ? '503 Service Unavailable' : '101 Switching Protocols'
      const lines = [
        `HTTP/1.1 ${status}`,
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Sec-WebSocket-Accept: ${acceptOf(known.has('wrong accept') ? 'another key' : key)}`,
        ...(agreed === undefined ? [] : [`Sec-WebSocket-Extensions: ${agreed.value}`]),
      ]
      socket.write(`${lines.join('\r\n')}\r\n\r\n`)
      if (answersAgain) return
      new BrokenEcho(socket, 'server', known, agreed?.agreement, Buffer.from(text.slice(end + 4), 'latin1'))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** Connects as a client with these faults, echoes until TCP ends, and resolves then. */
export function brokenClient(
  url: string,
  faults: readonly Fault[],
  options: { deflate?: string } = {},
): Promise<void> {
  const { hostname, port, pathname, search } = new URL(url)
  const known = new Set(faults)
  const allowHalfOpen = known.has('half-open for ever')
  const socket = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen })
  if (known.has('impatient')) setTimeout(() => socket.destroy(), 300).unref()
  const newKey = randomBytes(16).toString('base64')
  const lines = [
    `GET ${pathname}${search} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${newKey}`,
    'Sec-WebSocket-Version: 13',
    ...(options.deflate === undefined ? [] : [`Sec-WebSocket-Extensions: ${options.deflate}`]),
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  let [text, read]: [Buffer<ArrayBufferLike>, number] = [Buffer.alloc(0), 0]
  socket.on('data', function onData(chunk: Buffer) {
    text = Buffer.concat([text, chunk])
    read += chunk.length
    const hasInterim = () => text.length > 12 && text.toString('latin1', 0, 12).startsWith('HTTP/1.1 10')
    while (
      hasInterim() &&
      text.includes('\r\n\r\n') &&
      text[11] !== 0x31 &&
      !known.has('interim responses not skipped')
    )
      text = text.subarray(text.indexOf('\r\n\r\n') + 4)
    const end = text.indexOf('\r\n\r\n')
    const isEndless = end < 0 && (read > MAX_HEAD || /[^\r]\n/.test(text.toString('latin1')))
    if (isEndless && !known.has('any response accepted') && !known.has('bad responses ignored')) socket.destroy()
    if (end < 0) return
    socket.off('data', onData)
    if (known.has('refuses')) return void socket.destroy()
    const head = text.toString('latin1', 0, end + 2)
    if (options.deflate === undefined && !known.has('any response accepted')) {
      if (!isRight(head.trimEnd(), newKey))
        return known.has('bad responses ignored') ? undefined : void socket.destroy()
    }
    const { deflate = '' } = options
    const isUnasked = !deflate.includes('client_max') && head.includes('client_max_window_bits')
    if (isUnasked && !known.has('any response accepted')) return void socket.destroy()
    new BrokenEcho(
      socket,
      'client',
      known,
      clientAgreement(field(head, 'Sec-WebSocket-Extensions')),
      Buffer.from(text.subarray(end + 4)),
    )
  })
  if (allowHalfOpen) socket.on('end', () => setTimeout(() => socket.destroy(), 2000).unref())
  return new Promise(resolve => socket.on('error', () => {}).on('close', () => resolve()))
}

export function clientAgreement(value: string | undefined): Agreement | undefined {
  if (value === undefined) return undefined
  const bits = (side: string) => Number(new RegExp(`${side}_max_window_bits=(\\d+)`).exec(value)?.[1] ?? 15)
  const takeover = (side: string) => !value.includes(`${side}_no_context_takeover`)
  return {
    out: { bits: bits('client'), takeover: takeover('client') },
    in: { bits: bits('server'), takeover: takeover('server') },
  }
}
