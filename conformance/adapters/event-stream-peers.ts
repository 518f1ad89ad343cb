/**
 * The peers that speak event streams, and how each is started: `node event-stream-peers.js server NAME` prints the URL,
 * `… client NAME URL COUNT AGENT` plays the cases.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CHROMIUM } from '../../spec/support/chromium.ts'
import { type ClientRun, EVENT_STREAM_CLIENTS } from './event-stream-clients.ts'
import { betterSseEvents, wirewrightEvents, wirewrightPortEvents } from './event-stream-servers.ts'
import { type Launch, versionOf } from './peers.ts'

export const PARSER = 'wirewright event-stream parser'

const SERVERS: Readonly<Record<string, () => Promise<number>>> = {
  'wirewright event streams': wirewrightEvents,
  'wirewright event streams on its own port': wirewrightPortEvents,
  'better-sse': betterSseEvents,
}

const CLIENTS: Readonly<Record<string, ClientRun | undefined>> = {
  'wirewright EventSource': EVENT_STREAM_CLIENTS.wirewright,
  'wirewright eventStream': EVENT_STREAM_CLIENTS['wirewright eventStream'],
  [PARSER]: EVENT_STREAM_CLIENTS['wirewright parser'],
  eventsource: EVENT_STREAM_CLIENTS.eventsource,
  'undici EventSource': EVENT_STREAM_CLIENTS.undici,
  'Chromium EventSource': EVENT_STREAM_CLIENTS.Chromium,
}

/** Every one of them, ours first. */
export const EVENT_STREAM_NAMES = { server: Object.keys(SERVERS), client: Object.keys(CLIENTS) } as const

const PROGRAM = fileURLToPath(import.meta.url)

/** How to start a peer; undefined if it is not installed. */
export function launchEventStreams(name: string): (Launch & { readonly name: string }) | undefined {
  const [program = ''] = name.split(' ')
  const version = program === 'Chromium' ? chromiumVersion() : versionOf(program)
  if (version === undefined) return undefined
  return { name, agent: name.replace(program, `${program}${version}`), file: process.execPath, args: [PROGRAM] }
}

function chromiumVersion(): string | undefined {
  if (CHROMIUM === undefined) return undefined
  const { stdout } = spawnSync(CHROMIUM, ['--version', '--no-sandbox'], { encoding: 'utf8' })
  return ` ${/\d+/.exec(stdout)?.[0] ?? ''}`.trimEnd()
}

async function main([role, name = '', base = '', count = '0', agent = name]: readonly string[]): Promise<void> {
  if (role === 'server') {
    const port = await SERVERS[name]!()
    console.log(`http://127.0.0.1:${port}/`)
    return
  }
  await CLIENTS[name]!(base.replace(/^ws/, 'http'), agent, Number(count))
  process.exit(0)
}

if (process.argv[1] === PROGRAM) await main(process.argv.slice(2))
