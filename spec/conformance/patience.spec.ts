/** Timers by which a peer is judged: a stall of our own process does not count against the peer. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import t from 'tap'
import { patience, waitFor } from '../../conformance/patience.ts'

function stall(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

t.test('it is over when the time has passed, and not before', async t => {
  const from = performance.now()
  await waitFor(120)
  t.ok(performance.now() - from >= 118)
})

t.test('what is cancelled does not come', async t => {
  let came = false
  const it = patience(20, () => {
    came = true
  })
  it.cancel()
  await waitFor(60)
  t.equal(came, false)
})

t.test('while the process stands still, next to no time passes', async t => {
  const order: string[] = []
  const long = new Promise<void>(resolve =>
    patience(300, () => {
      order.push('300 ms')
      resolve()
    }),
  )
  setTimeout(() => order.push('after the stall'), 20)
  stall(600)
  await long
  t.same(order, ['after the stall', '300 ms'])
})

t.test('what has come during a stall is read before the time is over', async t => {
  const server = createServer(socket => socket.end('here'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  const order: string[] = []
  socket.on('data', () => order.push('data'))
  const over = new Promise<void>(resolve =>
    patience(30, () => {
      order.push('over')
      resolve()
    }),
  )
  stall(100)
  await over
  t.same(order, ['data', 'over'])
  socket.destroy()
  await new Promise(resolve => server.close(resolve))
})
