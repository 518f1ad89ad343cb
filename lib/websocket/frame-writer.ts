/**
 * Frames into bytes, gathered so that all frames of one turn leave in one write. A write per frame costs ten times
 * as much when frames are many, and two writes per frame (header, payload) are worse still.
 *
 * Frames are written straight into one slab that all writers of the process share. A writer that puts frame behind
 * frame holds one region of it; when another writer comes between, the region is sealed and the next frame begins
 * a new one. Bytes of more than {@link COPY_LIMIT} are not copied unless they have to be masked; texts have to be
 * encoded, and are written into the slab up to {@link LARGEST_SLAB}. Whole frames that go to many are not copied for each
 * of them. `take` hands over what is gathered, and `reclaim` gives the region back when the system has copied it: until
 * then its bytes are not touched.
 */
import { MAX_HEADER_LENGTH, writeHeader } from './frame.ts'
import { maskBytes } from './mask.ts'

const SLAB_SIZE = 65_536
/**
 * Large texts make it larger: memory that is used again is the cheaper the more there is of it, because the system fills
 * new memory page by page (bench `echo-65536-text-1`).
 */
const LARGEST_SLAB = 2 ** 20 + 65_536
/** Payloads above this are written from where they lie. */
export const COPY_LIMIT = 16_384

/** Texts up to this length are written faster unit by unit than by a call into Node (bench `echo-16-text-64`). */
const LOOP_LIMIT = 24

let slab = Buffer.allocUnsafeSlow(SLAB_SIZE)
let slabUsed = 0
/** The writer whose region ends at `slabUsed`. */
let slabOwner: FrameWriter | undefined

/** A source of masking keys, 32 random bits each (RFC 6455 §5.3: unpredictable, fresh for every frame). */
export type MaskingKeySource = () => number

export class FrameWriter {
  /** Bytes gathered and not taken. */
  length = 0
  #maskingKeys: MaskingKeySource | undefined
  /** The masking key of the frame that is being written. */
  #maskingKey = 0
  /** Sealed regions, large payloads and whole frames, in order. */
  #pieces: Buffer[] = []
  /** How many of them are whole frames. */
  #shared = 0
  /** Where the open region begins; only while this writer is the slab's owner. */
  #regionStart = 0

  /** @param maskingKeys given by a client, whose frames are masked */
  constructor(maskingKeys: MaskingKeySource | undefined) {
    this.#maskingKeys = maskingKeys
  }

  /** Makes a writer whose output was taken one for other frames. */
  begin(maskingKeys: MaskingKeySource | undefined): void {
    this.#maskingKeys = maskingKeys
  }

  /** Adds a frame with a text payload. Lone surrogates become U+FFFD. */
  writeText(byte0: number, text: string): void {
    if (text.length <= LOOP_LIMIT && this.#writeAscii(byte0, text)) return
    const length = Buffer.byteLength(text)
    if (length > LARGEST_SLAB - MAX_HEADER_LENGTH) return this.#writeInPlace(byte0, Buffer.from(text))
    const payload = this.#writeHeader(byte0, length, length)
    // As many bytes as code units: ASCII, which latin1 writes without a look at each unit.
    slab.write(text, payload, length, length === text.length ? 'latin1' : 'utf8')
    this.#endFrame(payload, length)
  }

  /** Adds a frame with a text payload, unless that is not ASCII. */
  #writeAscii(byte0: number, text: string): boolean {
    const { length } = text
    const payload = this.#writeHeader(byte0, length, length)
    let seen = 0
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      slab[payload + i] = unit
      seen |= unit
    }
    if (seen >= 0x80) return false
    this.#endFrame(payload, length)
    return true
  }

  /** Adds a frame with a binary payload. Above {@link COPY_LIMIT} a server's frame refers to the caller's bytes. */
  writeBytes(byte0: number, bytes: Uint8Array): void {
    const length = bytes.length
    // §5.3 masks the payload, not the caller's data: a client needs a copy of any.
    const isCopied = this.#maskingKeys !== undefined
    if (length > (isCopied ? LARGEST_SLAB - MAX_HEADER_LENGTH : COPY_LIMIT))
      return this.#writeInPlace(byte0, isCopied ? Buffer.from(bytes) : viewOf(bytes))
    const payload = this.#writeHeader(byte0, length, length)
    slab.set(bytes, payload)
    this.#endFrame(payload, length)
  }

  /** Adds a whole frame without a mask, made by {@link encodeFrame}. It is not copied, and goes to many as it is. */
  writeFrame(frame: Buffer): void {
    this.sealRegion()
    this.#pieces.push(frame)
    this.#shared++
    this.length += frame.length
  }

  /** Hands over what was gathered, in order and with small pieces joined, and forgets it. */
  take(): Buffer[] {
    this.sealRegion()
    const pieces = this.#pieces
    const { length } = this
    const isShared = this.#shared === pieces.length && length <= SLAB_SIZE
    this.#pieces = []
    this.#shared = 0
    this.length = 0
    if (pieces.length < 2) return pieces
    return isShared ? [joinShared(pieces, length)] : joinSmall(pieces)
  }

  /** Writes a header behind what is in the slab, with room for `room` bytes after it; returns where it ends. */
  #writeHeader(byte0: number, length: number, room: number): number {
    if (slabOwner !== this || slab.length - slabUsed < MAX_HEADER_LENGTH + room) this.#open(MAX_HEADER_LENGTH + room)
    const keys = this.#maskingKeys
    if (keys !== undefined) this.#maskingKey = keys()
    return writeHeader(slab, slabUsed, byte0, length, keys !== undefined, this.#maskingKey)
  }

  #endFrame(payload: number, length: number): void {
    const end = payload + length
    if (this.#maskingKeys !== undefined) maskBytes(slab, payload, end, this.#maskingKey)
    this.length += end - slabUsed
    slabUsed = end
  }

  /** Adds a frame whose payload is not copied; a client masks it where it is. */
  #writeInPlace(byte0: number, payload: Buffer): void {
    const headerEnd = this.#writeHeader(byte0, payload.length, 0)
    if (this.#maskingKeys !== undefined) maskBytes(payload, 0, payload.length, this.#maskingKey)
    this.length += headerEnd - slabUsed + payload.length
    slabUsed = headerEnd
    this.sealRegion()
    this.#pieces.push(payload)
  }

  /** Begins a region of at least `needed` bytes. */
  #open(needed: number): void {
    slabOwner?.sealRegion()
    reserve(needed)
    slabOwner = this
    this.#regionStart = slabUsed
  }

  /** Ends this writer's region, if it has one. */
  sealRegion(): void {
    if (slabOwner !== this) return
    if (slabUsed > this.#regionStart) this.#pieces.push(slab.subarray(this.#regionStart, slabUsed))
    slabOwner = undefined
  }
}

// As with parsers: a connection needs one only while it has output.
const atRest: FrameWriter[] = []
const MOST_AT_REST = 32

export function borrowWriter(maskingKeys: MaskingKeySource | undefined): FrameWriter {
  const writer = atRest.pop()
  if (writer === undefined) return new FrameWriter(maskingKeys)
  writer.begin(maskingKeys)
  return writer
}

/** @param writer one whose output was taken, and that the caller forgets */
export function returnWriter(writer: FrameWriter): void {
  if (atRest.length < MOST_AT_REST) atRest.push(writer)
}

/**
 * Gives a piece that `take` returned back to the slab. Only for a caller who knows that its bytes have been copied
 * by whoever they were written to.
 */
export function reclaim(piece: Buffer): void {
  if (slabOwner !== undefined || piece.buffer !== slab.buffer) return
  if (piece.byteOffset + piece.length === slabUsed) slabUsed = piece.byteOffset
}

/** A slab with `needed` bytes free. What was in the last one stays alive for as long as its pieces do. */
function reserve(needed: number): void {
  if (slab.length - slabUsed >= needed) return
  slab = Buffer.allocUnsafeSlow(Math.max(SLAB_SIZE, needed))
  slabUsed = 0
}

/** A whole frame without a mask, as a server sends it. */
export function encodeFrame(byte0: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafeSlow(MAX_HEADER_LENGTH + payload.length)
  const start = writeHeader(frame, 0, byte0, payload.length, false, 0)
  frame.set(payload, start)
  return frame.subarray(0, start + payload.length)
}

// The whole frames that were joined last, and the result: what one turn sends to many is the same for all of them
// (bench `broadcast`). Not in the slab, because somebody may still be writing it when the slab's bytes are used again.
let shared: readonly Buffer[] = []
let sharedOutput = Buffer.alloc(0)

function joinShared(frames: readonly Buffer[], length: number): Buffer {
  const isSame = frames.length === shared.length && frames.every((frame, i) => frame === shared[i])
  if (!isSame) {
    shared = frames
    sharedOutput = Buffer.concat(frames, length)
  }
  return sharedOutput
}

/** Joins neighbours that are small: a copy costs less than one more entry in a gathered write. */
function joinSmall(pieces: Buffer[]): Buffer[] {
  const joined: Buffer[] = []
  for (let first = 0; first < pieces.length; ) {
    let last = first
    let length = 0
    while (last < pieces.length && isSmall(pieces[last]!) && length + pieces[last]!.length <= SLAB_SIZE) {
      length += pieces[last++]!.length
    }
    if (last - first < 2) {
      joined.push(pieces[first++]!)
      continue
    }
    slabOwner?.sealRegion()
    reserve(length)
    const start = slabUsed
    for (; first < last; first++) {
      slab.set(pieces[first]!, slabUsed)
      slabUsed += pieces[first]!.length
    }
    joined.push(slab.subarray(start, slabUsed))
  }
  return joined
}

function isSmall(piece: Buffer): boolean {
  return piece.length <= COPY_LIMIT
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
