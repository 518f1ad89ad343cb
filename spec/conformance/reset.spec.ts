/** A reset, as its victim sees it. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import { reset } from '../../conformance/reset.ts'
import { certificates } from '../support/certificate.ts'

t.test('TCP is reset; below TLS it ends without a word of TLS', async t => {
  for (const isTls of [false, true]) {
    const server = isTls ? createTlsServer(certificates().local) : createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = isTls ? connectTls({ port, rejectUnauthorized: false }) : connect(port, '127.0.0.1')
    const [[victim]] = (await Promise.all([
      once(server, isTls ? 'secureConnection' : 'connection'),
      once(client, isTls ? 'secureConnect' : 'connect'),
    ])) as [[Socket], unknown]
    let error: NodeJS.ErrnoException | undefined
    victim.on('error', it => {
      error = it
    })
    const closed = new Promise(resolve => victim.resume().once('close', resolve))
    reset(client)
    await closed
    t.equal(error?.code, isTls ? undefined : 'ECONNRESET')
    server.close()
  }
})
