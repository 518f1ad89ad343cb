/**
 * Event streams as the suite reads them (WHATWG HTML §9.2.6): a whole stream, or as much of it as has come, in one go. It
 * keeps every line, right or wrong, since it is there to tell what a server has written. Pure functions of octets; made to
 * be simple, not fast.
 */

export interface StreamEvent {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
}

export interface StreamLine {
  /** Empty for a comment. */
  readonly name: string
  readonly value: string
}

export interface ReadStream {
  /** What a client has to dispatch. */
  readonly events: readonly StreamEvent[]
  /** The lines in front of each empty line. */
  readonly blocks: readonly (readonly StreamLine[])[]
  /** Whole lines behind the last empty line. */
  readonly unfinished: readonly StreamLine[]
  readonly lastEventId: string
  /** The last one that was right, in milliseconds. */
  readonly reconnectionTime: number | undefined
}

export const BOM = '\ufeff'

export function readStream(bytes: Buffer): ReadStream {
  // §9.2.5: "the bytes of the stream must always be decoded as UTF-8", and "one leading U+FEFF BYTE ORDER MARK character
  // must be ignored if any are present"
  const text = bytes.toString('utf8')
  const rows = (text.startsWith(BOM) ? text.slice(1) : text).split(/\r\n|\r|\n/)
  // What no line end stands behind is no line yet.
  rows.pop()
  const events: StreamEvent[] = []
  const blocks: StreamLine[][] = []
  let block: StreamLine[] = []
  const state = { lastEventId: '', reconnectionTime: undefined as number | undefined }
  for (const row of rows) {
    if (row !== '') {
      block.push(readLine(row))
      continue
    }
    const event = dispatch(block, state)
    if (event !== undefined) events.push(event)
    if (block.length > 0) blocks.push(block)
    block = []
  }
  return { events, blocks, unfinished: block, ...state }
}

/** §9.2.6: "Collect the characters on the line before the first U+003A COLON character" */
function readLine(row: string): StreamLine {
  const colon = row.indexOf(':')
  if (colon < 0) return { name: row, value: '' }
  // "If value starts with a U+0020 SPACE character, remove it from value."
  return { name: row.slice(0, colon), value: row.slice(colon + 1).replace(/^ /, '') }
}

function dispatch(
  block: readonly StreamLine[],
  state: { lastEventId: string; reconnectionTime: number | undefined },
): StreamEvent | undefined {
  const data: string[] = []
  let type = ''
  for (const { name, value } of block) {
    if (name === 'data') data.push(value)
    else if (name === 'event') type = value
    // "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value."
    else if (name === 'id' && !value.includes('\0')) state.lastEventId = value
    // "If the field value consists of only ASCII digits, then […] set the event stream's reconnection time"
    else if (name === 'retry' && /^[0-9]+$/.test(value)) state.reconnectionTime = Number(value)
  }
  if (data.length === 0) return undefined
  return { type: type === '' ? 'message' : type, data: data.join('\n'), lastEventId: state.lastEventId }
}

/** An event in a few words, for people. */
export function eventWords({ type, data, lastEventId }: StreamEvent): string {
  const id = lastEventId === '' ? '' : ` with the ID ${quote(lastEventId)}`
  return `${type === 'message' ? '' : `${quote(type)} `}${quote(data)}${id}`
}

/** As JSON has it, and never long. */
export function quote(text: string): string {
  const rest = text.length > 60 ? ` and ${text.length - 60} more characters` : ''
  return `${JSON.stringify(text.slice(0, 60))}${rest}`
}
