/**
 * The examples of the README, run as they stand: each is a module of its own in a process of its own, against the
 * server of the first example where it is a client. Only the port is another one. What an example says it prints in a
 * comment behind `console.log` is what it must print.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect as connectTcp, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { connect, HandshakeError } from 'wirewright'
import { parseEventStream } from 'wirewright/event-stream'
import { conformClients } from '../conformance/index.ts'

const ROOT = dirname(fileURLToPath(import.meta.resolve('wirewright/package.json')))
// Within the package, so that 'wirewright' is found by its own name.
const FOLDER = join(ROOT, 'dist', 'readme')
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')

interface Example {
  readonly kind: string
  readonly code: string
  /** What its comments say it prints. */
  readonly prints: readonly string[]
}

const EXAMPLES: readonly Example[] = Array.from(
  README.matchAll(/<!-- spec: (\w+) -->\n```js\n([\s\S]*?)```/g),
  ([, kind = '', code = '']) => ({
    kind,
    code,
    prints: Array.from(code.matchAll(/console\.log\(.*\) \/\/ ([^:\n]+)/g), ([, words = '']) => words.trim()),
  }),
)

t.test('the README begins with the two commands', async t => {
  const commands = Array.from(README.matchAll(/```sh\n(.*?)\n```/g), ([, command]) => command)
  t.same(commands.slice(0, 2), ['npm install && npm start', 'npm install && npm test'])
})

t.test('every JavaScript example is run here', async t => {
  t.equal(Array.from(README.matchAll(/```(js|ts|javascript|typescript)/g)).length, EXAMPLES.length)
  t.same(
    new Set(EXAMPLES.map(({ kind }) => kind)),
    new Set(['server', 'client', 'attach', 'stream', 'harness', 'alone']),
  )
})

t.test('the specs that the table of threats names are there, and it names all that attack', async t => {
  const named = Array.from(README.matchAll(/\]\((spec\/[\w/-]+\.spec\.ts)\)/g), ([, path = '']) => path)
  t.ok(named.length > 40)
  t.same(
    named.filter(path => !existsSync(join(ROOT, path))),
    [],
  )
  const attacks = readdirSync(join(ROOT, 'spec', 'security')).map(name => `spec/security/${name}`)
  t.same(
    attacks.filter(path => !named.includes(path)),
    [],
  )
})

t.test('server and clients', async t => {
  const port = await freePort()
  const server = start(only('server'), port)
  t.teardown(() => server.kill())
  await untilListening(port)
  for (const example of EXAMPLES.filter(({ kind }) => kind === 'client')) {
    t.same(await run(example, port), example.prints.join('\n'), example.code.split('\n')[2] ?? '')
  }
})

t.test('beside an HTTP server', async t => {
  const port = await freePort()
  const server = start(only('attach'), port)
  t.teardown(() => server.kill())
  await untilListening(port)
  t.equal(await (await fetch(`http://localhost:${port}/`)).text(), 'plain HTTP\n')
  const url = `ws://localhost:${port}/chat`
  await t.rejects(connect(url), HandshakeError)
  const refused = await connect(url).catch((error: HandshakeError) => error.response)
  t.match(refused, { status: 401, headers: { 'www-authenticate': 'Bearer' } })
  const socket = await connect(url, {
    headers: { Authorization: 'Bearer secret' },
    protocols: ['chat.v1', 'chat.v2'],
  })
  t.equal(socket.protocol, 'chat.v2')
  socket.terminate()
})

t.test('event streams: a server, and what a client has missed', async t => {
  const port = await freePort()
  const server = start(only('stream'), port)
  t.teardown(() => server.kill())
  await untilListening(port)
  const idsAfter = async (lastEventId: string) => {
    const headers = lastEventId === '' ? undefined : { 'Last-Event-ID': lastEventId }
    for await (const { type, lastEventId } of parseEventStream(
      await fetch(`http://localhost:${port}/`, headers && { headers }),
    )) {
      t.equal(type, 'time')
      return lastEventId
    }
    return undefined
  }
  t.equal(await idsAfter(''), '1')
  t.equal(await idsAfter(''), '2')
  t.equal(await idsAfter('1'), '2', 'sent again')
})

t.test('event-stream clients before the conformance suite', async t => {
  const port = await freePort()
  let text = ''
  const output = { write: (words: string) => (text += words) }
  const ended = conformClients({ port, only: ['EC2', 'EC5.26', 'EC5.27'], once: true }, output)
  await untilListening(port)
  t.equal(await run(only('harness'), port), '')
  t.equal(await ended, 0)
  t.match(text, /all 35 cases as expected\n$/)
})

t.test('what needs no network', async t => {
  for (const example of EXAMPLES.filter(({ kind }) => kind === 'alone')) {
    t.equal(await run(example, 0), example.prints.join('\n'), example.code.split('\n')[0] ?? '')
  }
})

function only(kind: string): Example {
  const [example, ...others] = EXAMPLES.filter(example => example.kind === kind)
  if (example === undefined || others.length > 0) throw new Error(`the README has not one example of kind ${kind}`)
  return example
}

function start({ code }: Example, port: number): ChildProcess {
  mkdirSync(FOLDER, { recursive: true })
  const file = join(FOLDER, `example-${port}-${EXAMPLES.findIndex(example => example.code === code)}.js`)
  writeFileSync(file, code.replaceAll('8080', String(port)))
  return spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Everything that the example printed, once it has ended by itself. */
async function run(example: Example, port: number): Promise<string> {
  const child = start(example, port)
  let printed = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`the example ended with ${code}`)
  return printed.trim()
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const socket = connectTcp(port)
    const isOpen = await new Promise(resolve =>
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false)),
    )
    socket.destroy()
    if (isOpen) return
    await delay(50)
  }
  throw new Error(`nothing listens on port ${port}`)
}
