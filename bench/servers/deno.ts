/** Deno's own server; runs in Deno alone. It hands out strings. */
import { HOST, type ServerTerms } from './terms.ts'

/** As much of Deno as is used here. */
interface DenoSocket {
  binaryType: string
  readonly readyState: number
  onmessage: (event: { readonly data: string | ArrayBuffer }) => void
  onerror: () => void
  onopen: () => void
  onclose: () => void
  send(data: string | ArrayBuffer): void
}
declare const Deno: {
  serve(
    options: {
      readonly hostname: string
      readonly port: number
      readonly onListen: (address: { port: number }) => void
    },
    handler: (request: object) => object,
  ): object
  upgradeWebSocket(request: object): { readonly socket: DenoSocket; readonly response: object }
}

export function serve({ role }: ServerTerms): Promise<number> {
  const all = new Set<DenoSocket>()
  return new Promise(resolve => {
    Deno.serve({ hostname: HOST, port: 0, onListen: ({ port }) => resolve(port) }, request => {
      const { socket, response } = Deno.upgradeWebSocket(request)
      socket.binaryType = 'arraybuffer'
      socket.onopen = () => void all.add(socket)
      socket.onclose = () => void all.delete(socket)
      socket.onerror = () => {}
      socket.onmessage = ({ data }) => {
        if (role === 'echo') socket.send(data)
        else if (role === 'broadcast') for (const other of all) other.send(data)
      }
      return response
    })
  })
}
