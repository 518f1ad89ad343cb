/** The servers by name, each loaded only when it is asked for: one cannot be loaded in another one's runtime. */
import type { ServerModule } from './terms.ts'

export const SERVERS: Readonly<Record<string, () => Promise<ServerModule>>> = {
  wirewright: () => import('./wirewright.ts'),
  'wirewright-attached': () => import('./wirewright-attached.ts'),
  ws: () => import('./ws.ts'),
  'ws-bufferutil': () => import('./ws-bufferutil.ts'),
  raw: () => import('./raw.ts'),
  uws: () => import('./uws.ts'),
  bun: () => import('./bun.ts'),
  deno: () => import('./deno.ts'),
  faye: () => import('./faye.ts'),
  'better-sse': () => import('./better-sse.ts'),
}
