/** A server of Node's, on a free port. */
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { BACKLOG, HOST } from './terms.ts'

export async function listen(server: Server): Promise<number> {
  server.listen({ port: 0, host: HOST, backlog: BACKLOG })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
