/**
 * Whatever comes, in whatever chunks: a connection never throws, tells the same whatever the chunking, tells nothing
 * behind a failure or a Close frame, and keeps no more than what has come.
 */
import fc from 'fast-check'
import { Endpoint } from '../spec/support/pair.ts'
import { fromProperty, hold } from './target.ts'
import { cut, cuts, type Traffic, traffic } from './traffic.ts'

const limits = fc.record(
  {
    maxMessageSize: fc.constantFrom(1, 125, 126, 300, 70_000),
    maxFragments: fc.integer({ min: 1, max: 6 }),
  },
  { requiredKeys: [] },
)

/** Bytes that were asked of Buffer.allocUnsafe during `run`: where messages in pieces are kept. */
function allocatedBy(run: () => void): number {
  const { allocUnsafe } = Buffer
  let allocated = 0
  Buffer.allocUnsafe = size => {
    allocated += size
    return allocUnsafe(size)
  }
  try {
    run()
  } finally {
    Buffer.allocUnsafe = allocUnsafe
  }
  return allocated
}

interface Limits {
  readonly maxMessageSize?: number
  readonly maxFragments?: number
}

/** Throws for what must not be. */
export function judgeFrames(
  { role, bytes }: Traffic,
  limits: Limits,
  sizes: readonly number[],
  pauses: boolean,
): void {
  const listen = (chunks: readonly Uint8Array[], isPausing: boolean) => {
    const pause = () => void (end.connection.paused = isPausing)
    const end: Endpoint = new Endpoint({ role, ...limits }, { onMessage: pause, onPing: pause, onPong: pause })
    const { connection } = end
    const allocated = allocatedBy(() => {
      for (const chunk of chunks) {
        connection.receive(chunk as Buffer)
        while (connection.paused) {
          connection.paused = false
          connection.read()
        }
      }
    })
    hold(connection.unread === 0, () => `${connection.unread} bytes were not read`)
    // Memory grows fourfold, so all of it together is less than twice the last; and 256 bytes for each message.
    const limit = 16 * bytes.length + 256 * bytes.length + 4096
    hold(isPausing || allocated <= limit, () => `${allocated} bytes allocated for ${bytes.length}`)
    const last = end.log.findIndex(line => line.startsWith('failure') || line.startsWith('close'))
    hold(last < 0 || last === end.log.length - 1, () => `told behind the end: ${end.log}`)
    const { state } = connection
    const isOver = last >= 0
    hold(isOver === (state !== 'open'), () => `${state} after ${end.log}`)
    hold(
      end.sentLines.filter(line => line.startsWith('8')).length === (isOver ? 1 : 0),
      () => `Close frames: ${end.sentLines}`,
    )
    return JSON.stringify([state, end.log, end.sent.toString('hex')])
  }
  const whole = listen(cut(bytes, [bytes.length]), false)
  const inChunks = listen(cut(bytes, sizes), pauses)
  hold(inChunks === whole, () => `in chunks: ${inChunks}\nin one: ${whole}`)
  if (bytes.length > 300) return
  const byteByByte = listen(cut(bytes, [1]), false)
  hold(byteByByte === whole, () => `byte by byte: ${byteByByte}\nin one: ${whole}`)
}

export const target = fromProperty('frames', fc.property(traffic, limits, cuts, fc.boolean(), judgeFrames))
