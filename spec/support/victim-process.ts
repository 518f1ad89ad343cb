/**
 * Who is attacked, in a process of its own, so that what is measured there is nobody else's: a server or a client as
 * applications have them, through the public interface alone. It does what it is told over the channel to its parent;
 * see victim.ts.
 */
import {
  type ConnectOptions,
  connect,
  eventStream,
  openEventStream,
  type ServerOptions,
  type WebSocketConnection,
  WebSocketServer,
} from 'wirewright'

/** What the application does with its connections. */
export type Doing =
  /** Drops what comes. */
  | 'listen'
  | 'echo'
  /** Throws at each message. */
  | 'throw'
  /** Listens to no message at all. */
  | 'ignore'
  /** Sends from `begin` on for as long as it is let, and waits for nobody. */
  | 'flood'

export interface Memory {
  /** Bytes in the heap and outside of it that are in use, after a collection. */
  readonly held: number
  readonly rss: number
  /** The most that the process has ever taken. */
  readonly peak: number
}

export interface Account {
  /** For each connection that is over: what the record tells was the cause, and the code. */
  readonly ends: readonly (readonly [cause: string | undefined, code: number])[]
  /** Connections and streams that are open. */
  readonly open: number
  readonly messages: number
  /** Exceptions that nobody caught, and rejections that nobody handled. */
  readonly uncaught: readonly string[]
  /** Sockets and timers. */
  readonly handles: readonly string[]
}

const ends: (readonly [string | undefined, number])[] = []
const uncaught: string[] = []
let open = 0
let messages = 0

process.on('uncaughtException', error => uncaught.push(String(error?.message ?? error)))
process.on('unhandledRejection', error => uncaught.push(`unhandled: ${(error as Error)?.message ?? error}`))

function keep(connection: WebSocketConnection, doing: Doing): void {
  open++
  void connection.closed.then(({ code, detail }) => {
    open--
    ends.push([detail.cause, code])
  })
  if (doing !== 'ignore') {
    connection.on('message', message => {
      messages++
      if (doing === 'echo') connection.send(message)
      if (doing === 'throw') throw new Error('a listener')
    })
  }
  if (doing === 'flood') void flood(connection.closed, () => connection.send(Buffer.alloc(65_536)))
}

let begin: () => void = () => {}
const begun = new Promise<void>(resolve => (begin = resolve))

/** Calls `send` in every turn until `end`, whatever it says about room. */
async function flood(end: Promise<unknown>, send: () => unknown): Promise<void> {
  await begun
  let isOver = false
  void end.then(() => {
    isOver = true
  })
  for (; !isOver; await new Promise(resolve => setImmediate(resolve))) send()
}

async function heldAfterCollection(): Promise<number> {
  for (let turn = 0; turn < 2; turn++) {
    globalThis.gc?.()
    await new Promise(resolve => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const CALLS = {
  async serve({
    options,
    tls,
    doing,
  }: {
    options: ServerOptions
    tls?: { cert: string; key: string }
    doing: Doing
  }) {
    const server = new WebSocketServer({
      ...options,
      onRequest(request, response) {
        const stream = openEventStream(request, response)
        open++
        void stream.closed.then(({ cause }) => {
          open--
          ends.push([cause, 0])
        })
        if (doing === 'flood') void flood(stream.closed, () => stream.send({ data: 'x'.repeat(16_384) }))
        return stream
      },
    })
    server.on('connection', connection => keep(connection, doing))
    const { port } = await server.listen({ host: '127.0.0.1', tls })
    return port
  },
  async connect({ url, options, doing }: { url: string; options: ConnectOptions; doing: Doing }) {
    keep(await connect(url, options), doing)
  },
  async follow({ url, options }: { url: string; options: object }) {
    open++
    const follow = async () => {
      for await (const _ of eventStream(url, options)) messages++
    }
    follow()
      .then(
        () => ends.push(['end', 0]),
        error => ends.push([error.code, 0]),
      )
      .finally(() => open--)
  },
  async begin() {
    begin()
  },
  /** Once it has come to rest: what was written to it may still be on its way. */
  async measure(): Promise<Memory> {
    let held = await heldAfterCollection()
    for (let rounds = 0, quiet = 0; rounds < 60 && quiet < 3; rounds++) {
      const before = held
      await new Promise(resolve => setTimeout(resolve, 15))
      held = await heldAfterCollection()
      quiet = Math.abs(held - before) < 32_768 ? quiet + 1 : 0
    }
    return { held, rss: process.memoryUsage.rss(), peak: process.resourceUsage().maxRSS * 1024 }
  },
  async account(): Promise<Account> {
    const handles = process.getActiveResourcesInfo().filter(name => /TCP|TLS|Timeout|Connect/.test(name))
    return { ends, open, messages, uncaught, handles }
  },
}

export type Calls = typeof CALLS

process.on('message', async ({ name, parameter }: { name: keyof Calls; parameter: never }) => {
  try {
    process.send?.({ value: await CALLS[name](parameter) })
  } catch (error) {
    process.send?.({ error: String((error as Error).message) })
  }
})
