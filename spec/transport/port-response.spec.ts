/** Only the first who answers a request gets its socket. */
import { Socket } from 'node:net'
import t from 'tap'
import { PortResponse } from '../../lib/transport/port-response.ts'

t.test('the socket is for who answers first', async t => {
  const socket = new Socket()
  const streams = new Set<never>()
  const response = new PortResponse(socket, streams)
  t.equal(response.streams, streams)
  t.equal(response.stream, undefined)
  t.equal(response.answer(), socket)
  t.equal(response.answer(), undefined)
})
