/**
 * Runs a check over the ways in which bytes can arrive. A parser must not know where one chunk ends and the next
 * begins, so every spec of a parser goes through here: whole, byte by byte, and cut in two at every place.
 *
 * Each run has its own copy of the bytes in one buffer per chunk: a parser may unmask in place, and reading beyond
 * a chunk finds nothing. Quadratic in the number of bytes: meant for vectors, not for megabytes.
 */
export function everySplit(bytes: Uint8Array, run: (chunks: Uint8Array[]) => void): void {
  const copy = (start: number, end?: number) => Buffer.from(new Uint8Array(bytes.subarray(start, end)).buffer)
  run([copy(0)])
  run(Array.from(bytes, (_, at) => copy(at, at + 1)))
  for (let cut = 1; cut < bytes.length; cut++) run([copy(0, cut), copy(cut)])
}
