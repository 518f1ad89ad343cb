/**
 * The process that is measured: one server or one client, in Node, Bun or Deno.
 *
 *     measured.js server NAME TERMS            prints its port when it listens
 *     measured.js client NAME TERMS URL COUNT  prints 0 when COUNT connections are open
 *
 * Each line on the standard input is a request, answered by one line: `collect` collects garbage, `usage` tells
 * `{cpu, rss}`, microseconds and bytes, for systems that do not tell it from outside. Ends with its input.
 */
import process from 'node:process'
import type { ServerTerms } from './servers/terms.ts'

async function start([side, name = '', terms = '{}', url = '', count = '0']: readonly string[]): Promise<number> {
  const asked: ServerTerms = JSON.parse(terms)
  if (side === 'client') {
    const open = (await import('./clients.ts')).CLIENTS[name]!
    await Promise.all(Array.from({ length: Number(count) }, () => open(url, asked)))
    return 0
  }
  const load = (await import('./servers/index.ts')).SERVERS[name]!
  return (await load()).serve(asked)
}

async function collect(): Promise<void> {
  const { Bun, gc } = globalThis as { Bun?: { gc(force: boolean): void }; gc?: () => void }
  for (let round = 0; round < 3; round++) {
    if (Bun === undefined) gc?.()
    else Bun.gc(true)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

async function answer(line: string): Promise<string> {
  if (line === 'collect') {
    await collect()
    return 'collected'
  }
  const { user, system } = process.cpuUsage()
  return JSON.stringify({ cpu: user + system, rss: process.memoryUsage().rss })
}

process.stdin.setEncoding('utf8')
process.stdin.on('data', async text => {
  for (const line of String(text)
    .split('\n')
    .filter(line => line !== ''))
    process.stdout.write(`${await answer(line)}\n`)
})
process.stdin.on('end', () => process.exit(0))
process.stdout.write(`${await start(process.argv.slice(2))}\n`)
