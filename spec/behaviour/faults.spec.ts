/**
 * The transport breaks: every single operation of a conversation fails once, a socket is reset at any point of it,
 * bytes come in the smallest pieces. Whatever happens, both ends close, each once and with a record, all that was
 * promised is settled, and no clock still counts for them.
 */
import t from 'tap'
import type { WebSocketConnection } from '../../lib/transport/websocket-connection.ts'
import { openInMemory, openPair, type Pair, SOCKETS } from '../support/channels.ts'
import { clockMembers } from '../support/clock-members.ts'
import type { MemoryOptions } from '../support/memory-channel.ts'
import { turns, within } from '../support/waiting.ts'

const rejections: unknown[] = []
process.on('unhandledRejection', reason => rejections.push(reason))

type Ending = 'server closes' | 'client closes' | 'both close' | 'server terminates' | 'client terminates'

/** All that two ends can have to do with each other; returns what was promised meanwhile. */
async function converse({ server, client }: Pick<Pair, 'server' | 'client'>, ending: Ending): Promise<void> {
  const promises: Promise<unknown>[] = []
  const promise = (made: Promise<unknown>) => void promises.push(made.catch(error => error))
  server.on('message', message => server.send(message))
  const loop = async () => {
    for await (const _ of client) await turns(1)
  }
  promise(loop())
  client.send('Hello')
  client.send(Buffer.alloc(1000))
  promise(client.ping())
  promise(server.ping('from the server'))
  await turns(3)
  promise(client.sendFragments(['in ', 'three ', 'fragments']))
  promise(server.sendFragments(slowly()))
  client.send('behind')
  if (!server.send(Buffer.alloc(100_000))) promise(server.drained())
  await turns(3)
  client.send('Bye')
  if (ending === 'server closes' || ending === 'both close') server.close(1000, 'done')
  if (ending === 'client closes' || ending === 'both close') client.close(1001)
  if (ending === 'server terminates') server.terminate()
  if (ending === 'client terminates') client.terminate()
  promise(server.closed)
  promise(client.closed)
  await within(Promise.all(promises), `a promise (${ending})`)
}

async function* slowly() {
  yield 'one'
  await turns(2)
  yield 'two'
}

function watch(connection: WebSocketConnection): string[] {
  const events: string[] = []
  for (const event of ['closing', 'error', 'close'] as const) connection.on(event, () => events.push(event))
  return events
}

/** What is wrong with how a conversation ended. */
async function run(options: MemoryOptions, ending: Ending, wanted: (operations: number) => boolean) {
  const settings = { closeTimeout: 100 }
  const pair = openInMemory(t, options, { server: settings, client: settings })
  const logs = [watch(pair.server), watch(pair.client)]
  const wrong: unknown[] = []
  try {
    await converse(pair, ending)
  } catch (error) {
    wrong.push((error as Error).message)
  }
  await turns(3)
  for (const [at, connection] of [pair.server, pair.client].entries()) {
    const log = logs[at] ?? []
    if (log.filter(event => event === 'close').length !== 1 || log.at(-1) !== 'close') wrong.push(log)
    if (connection.state !== 'closed') wrong.push(connection.state)
    const { wasClean, code, detail } = await within(connection.closed)
    if (wasClean !== (detail.sent !== undefined && code !== 1006)) wrong.push({ wasClean, code, detail })
  }
  return { wrong, isReached: wanted(pair.line.operations.length), operations: pair.line.operations }
}

const ENDINGS: readonly Ending[] = [
  'server closes',
  'client closes',
  'both close',
  'server terminates',
  'client terminates',
]

for (const ending of ENDINGS) {
  t.test(`the n-th operation fails, for every n: ${ending}`, async t => {
    const wrong: unknown[] = []
    let n = 0
    for (let isReached = true; isReached; n++) {
      const failAt = n
      const result = await run({ failAt }, ending, operations => operations > failAt)
      isReached = result.isReached
      if (result.wrong.length > 0) wrong.push([n, result.operations[n], ...result.wrong])
    }
    t.same(wrong.slice(0, 3), [])
    t.ok(n > 10, `${n} operations`)
  })

  t.test(`bytes in pieces of all sizes: ${ending}`, async t => {
    const wrong: unknown[] = []
    for (const split of [
      [1, 65_536],
      [1, 1, 1, 1000],
      [2, 3, 5, 7, 11, 20_000],
      [125, 126, 127, 9000],
    ]) {
      for (const capacity of [1, 1000, 200_000]) {
        const result = await run({ split, capacity }, ending, () => true)
        if (result.wrong.length > 0) wrong.push([split, capacity, ...result.wrong])
      }
    }
    t.same(wrong.slice(0, 3), [])
  })
}

for (const channel of SOCKETS) {
  t.test(`${channel.name}: a reset at any turn of a conversation`, async t => {
    const wrong: unknown[] = []
    for (const end of ['server', 'client'] as const) {
      for (let turn = 0; turn < 12; turn++) {
        const settings = { closeTimeout: 200 }
        const pair = await openPair(t, channel, { server: settings, client: settings })
        const logs = [watch(pair.server), watch(pair.client)]
        const conversation = converse(pair, 'both close')
        await turns(turn)
        pair.ends.reset(end)
        await conversation.catch(error => wrong.push([end, turn, error.message]))
        await within(Promise.all([pair.server.closed, pair.client.closed]))
        await turns(2)
        for (const log of logs) if (log.filter(event => event === 'close').length !== 1) wrong.push([end, turn, log])
      }
    }
    t.same(wrong.slice(0, 3), [])
  })
}

t.test('nothing is left behind', async t => {
  await turns()
  t.equal(clockMembers.size, 0)
  t.same(rejections, [])
})
