/** uWebSockets.js, which is C++; the build that npm has. */
import { peerRequire } from '../peers.ts'
import { HOST, MAX_MESSAGE, type ServerTerms } from './terms.ts'

/** As much of it as is used here. */
interface UwsSocket {
  send(message: ArrayBuffer | string, isBinary: boolean): number
  subscribe(topic: string): boolean
}
interface UwsApp {
  ws(
    path: string,
    behavior: {
      readonly compression: number
      readonly maxPayloadLength: number
      readonly maxBackpressure: number
      readonly open: (socket: UwsSocket) => void
      readonly message: (socket: UwsSocket, message: ArrayBuffer, isBinary: boolean) => void
    },
  ): UwsApp
  publish(topic: string, message: ArrayBuffer | string, isBinary: boolean): boolean
  listen(host: string, port: number, listener: (listening: object | false) => void): UwsApp
}
interface Uws {
  App(): UwsApp
  us_socket_local_port(listening: object): number
  readonly DISABLED: number
  readonly SHARED_COMPRESSOR: number
}

export function serve({ role, delivery, deflate }: ServerTerms): Promise<number> {
  const uws: Uws = peerRequire('@trufflesuite/uws-js-unofficial')
  const app = uws.App()
  app.ws('/*', {
    compression: deflate ? uws.SHARED_COMPRESSOR : uws.DISABLED,
    maxPayloadLength: MAX_MESSAGE,
    maxBackpressure: MAX_MESSAGE * 2,
    open(socket) {
      if (role === 'broadcast') socket.subscribe('all')
    },
    message(socket, data, isBinary) {
      const message = delivery === 'string' && !isBinary ? Buffer.from(data).toString() : data
      if (role === 'echo') socket.send(message, isBinary)
      else if (role === 'broadcast') app.publish('all', message, isBinary)
    },
  })
  return new Promise((resolve, reject) => {
    app.listen(HOST, 0, listening => {
      if (listening === false) reject(new Error('uWebSockets.js does not listen'))
      else resolve(uws.us_socket_local_port(listening))
    })
  })
}
