/** Bun's own server; runs in Bun alone. It hands out strings. */
import { HOST, MAX_MESSAGE, type ServerTerms } from './terms.ts'

/** As much of Bun as is used here. */
interface BunSocket {
  send(message: string | Uint8Array): number
  subscribe(topic: string): void
}
interface BunServer {
  readonly port: number
  upgrade(request: object): boolean
  publish(topic: string, message: string | Uint8Array): number
}
declare const Bun: {
  serve(options: {
    readonly hostname: string
    readonly port: number
    readonly fetch: (request: object, server: BunServer) => unknown
    readonly websocket: {
      readonly maxPayloadLength: number
      readonly backpressureLimit: number
      readonly perMessageDeflate: boolean
      readonly open: (socket: BunSocket) => void
      readonly message: (socket: BunSocket, message: string | Uint8Array) => void
    }
  }): BunServer
}

export async function serve({ role, deflate }: ServerTerms): Promise<number> {
  const server = Bun.serve({
    hostname: HOST,
    port: 0,
    fetch: (request, server) => (server.upgrade(request) ? undefined : new Response(null, { status: 426 })),
    websocket: {
      maxPayloadLength: MAX_MESSAGE,
      backpressureLimit: MAX_MESSAGE * 2,
      perMessageDeflate: deflate,
      open(socket) {
        if (role === 'broadcast') socket.subscribe('all')
      },
      message(socket, message) {
        if (role === 'echo') socket.send(message)
        else if (role === 'broadcast') server.publish('all', message)
      },
    },
  })
  return server.port
}
