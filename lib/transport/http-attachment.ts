/**
 * WebSocket servers beside a `node:http` or `node:https` server. Several may share one: an upgrade goes to the first
 * that serves its path. A path that none serves is refused, unless the application listens for upgrades as well.
 */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { formatRefusal } from '../websocket/handshake.ts'
import { hangUp } from './hang-up.ts'
import { pathOf } from './upgrade-request.ts'

export interface Attached {
  /** The path that is served; undefined serves all. */
  readonly path: string | undefined
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

const attachments = new WeakMap<Server, Set<Attached>>()

/** Returns a function that takes it off again. */
export function attachTo(server: Server, attached: Attached): () => void {
  let all = attachments.get(server)
  if (all === undefined) {
    all = new Set()
    attachments.set(server, all)
    server.on('upgrade', onUpgrade)
  }
  all.add(attached)
  return () => {
    if (!all.delete(attached) || all.size > 0) return
    server.off('upgrade', onUpgrade)
    attachments.delete(server)
  }
}

function onUpgrade(this: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const path = pathOf(request)
  for (const attached of attachments.get(this) ?? []) {
    if (attached.path === undefined || attached.path === path) return attached.onUpgrade(request, socket, head)
  }
  if (this.listenerCount('upgrade') === 1) hangUp(socket, formatRefusal({ status: 404 }))
}
