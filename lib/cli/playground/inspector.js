/**
 * One entry in full: a frame as RFC 6455 §5.2 draws it, its fields in words, the masking worked out and the bytes;
 * the opening handshake with its headers; a close record.
 */
import { ascii, formatInteger, fromHex, hexByte, plural, readUtf8 } from './bytes.js'
import { html } from './dom.js'
import { compressionOf, DIRECTIONS } from './entries.js'
import { closeCode, diagramRows, headerFields, readClosePayload, wirePayload } from './protocol.js'

const MASKED_BYTES_SHOWN = 8

export class Inspector {
  #title
  #subtitle
  #body
  #entry = null
  #view = 'payload'
  #width = 0

  constructor({ title, subtitle, body }) {
    this.#title = title
    this.#subtitle = subtitle
    this.#body = body
    // The diagram and the dump have as many columns as fit.
    new ResizeObserver(([{ contentRect }]) => {
      const before = layoutFor(this.#width)
      this.#width = contentRect.width
      const after = layoutFor(this.#width)
      if (before.diagram !== after.diagram || before.dump !== after.dump) this.#render()
    }).observe(body)
    for (const type of ['pointerover', 'focusin']) {
      body.addEventListener(type, event => this.#light(event.target.closest('[data-field]')?.dataset.field))
    }
    body.addEventListener('pointerleave', () => this.#light(undefined))
    body.addEventListener('change', event => {
      if (event.target.name !== 'dump') return
      this.#view = event.target.value
      this.#body.querySelector('#hexdump').replaceWith(this.#dump())
    })
  }

  show(entry) {
    this.#entry = entry
    this.#render()
  }

  #light(field) {
    for (const part of this.#body.querySelectorAll('[data-field]')) {
      part.classList.toggle('lit', part.dataset.field === field)
    }
  }

  #render() {
    const entry = this.#entry
    this.#title.textContent = entry ? entry.title : 'Nothing selected'
    this.#subtitle.textContent = entry ? subtitleOf(entry) : ''
    this.#body.dataset.kind = entry?.kind ?? 'none'
    if (entry === null) {
      this.#body.replaceChildren(html('p', { class: 'empty' }, 'Select a frame in the list to see it bit by bit.'))
      return
    }
    this.#body.replaceChildren(
      ...{
        handshake: () => handshakeView(entry.event),
        closed: () => [closeView(entry.record)],
        message: () => [...contentView(entry), ...this.#dumpView()],
        frame: () => this.#frameView(),
      }
        [entry.kind]()
        .filter(part => part !== null),
    )
  }

  #frameView() {
    const { frame } = this.#entry
    return [
      ...contentView(this.#entry),
      block('On the wire', diagramView(frame, layoutFor(this.#width).diagram), {
        note: 'as RFC 6455 §5.2 draws it',
        id: 'diagram',
      }),
      block('Field by field', fieldsView(frame), { id: 'fields' }),
      frame.masked && frame.length > 0
        ? block('Masking at work', maskView(frame), { note: 'wire byte ⊕ key byte = payload byte', id: 'masking' })
        : null,
      ...this.#dumpView(),
    ]
  }

  #dumpView() {
    const { frame, payload, length } = this.#entry
    if (length === 0 && !frame) return []
    const views = frame ? { payload: frame.masked ? 'Payload, unmasked' : 'Payload', wire: 'Whole frame' } : null
    const choice =
      views &&
      html(
        'fieldset',
        { class: 'segments small' },
        html('legend', { class: 'hidden-visually' }, 'Bytes to show'),
        Object.entries(views).map(([value, label]) =>
          html(
            'label',
            {},
            html('input', { type: 'radio', name: 'dump', value, checked: value === this.#view }),
            html('span', {}, label),
          ),
        ),
      )
    return [
      block('Bytes', [this.#dump()], {
        note: payload.length < length ? `first ${payload.length} of ${formatInteger(length)}` : null,
        id: 'bytes',
        extra: choice,
      }),
    ]
  }

  #dump() {
    const { frame, payload } = this.#entry
    if (!frame || this.#view === 'payload') {
      return dumpView(
        Array.from(payload, byte => [byte, frame ? 'payload' : 'plain']),
        layoutFor(this.#width).dump,
      )
    }
    const header = fromHex(frame.header)
    const keyAt = frame.masked ? header.length - 4 : header.length
    const bytes = Array.from(header, (byte, i) => [
      byte,
      i === 0 ? 'opcode' : i === 1 ? 'length' : i < keyAt ? 'extended' : 'key',
    ])
    for (const byte of wirePayload(frame)) bytes.push([byte, 'payload'])
    return dumpView(bytes, layoutFor(this.#width).dump)
  }
}

function layoutFor(width) {
  return { diagram: width >= 520 ? 32 : 16, dump: width >= 560 ? 16 : 8 }
}

function block(title, content, { note = null, id = null, extra = null } = {}) {
  return html(
    'section',
    { class: 'block', id },
    html('header', {}, html('h4', {}, title), note && html('span', { class: 'note' }, note), extra),
    content,
  )
}

function subtitleOf(entry) {
  const parts = []
  if (entry.direction && entry.kind !== 'handshake') parts.push(DIRECTIONS[entry.direction].words)
  if (entry.length !== null) parts.push(plural(entry.length, 'byte'))
  if (entry.fragment) {
    const { number, message, last } = entry.fragment
    parts.push(`piece ${number}${last ? ' and last' : ''} of message ${message}`)
  }
  if (entry.kind !== 'handshake' && entry.record?.opened !== false)
    parts.push(`${(entry.at / 1000).toFixed(4)} s after the connection opened`)
  return parts.join(' · ')
}

/** What the frame or message says, before how it says it. */
function contentView(entry) {
  const { frame, payload } = entry
  if (frame?.opcode !== 8) return [payloadView(entry), wholeView(entry.fragment)].filter(part => part !== null)
  const { code, reason } = readClosePayload(payload)
  const [name, meaning] = closeCode(code)
  return [
    definitions([
      ['Code', `${code} ${name}`],
      ['Meaning', meaning],
      ['Reason', reason === '' ? html('i', {}, 'none given') : `“${reason}”`],
    ]),
  ]
}

const remark = text => html('p', { class: 'content empty' }, text)

function textView(id, label, text, notes) {
  return html(
    'figure',
    { class: 'content' },
    html('pre', { id, tabindex: '0', 'aria-label': label }, text),
    notes.length > 0 && html('figcaption', {}, notes.join(' · ')),
  )
}

function payloadView(entry) {
  const { frame, payload, length } = entry
  if (length === 0) return remark('The payload is empty.')
  if (entry.isCompressed) {
    const what = frame?.message ? `The message was ${compressionOf(entry)}` : 'The payload is compressed'
    return remark(`${what} by permessage-deflate. These are the bytes as they travel.`)
  }
  const { text, valid } = readUtf8(payload)
  const isControl = frame !== undefined && frame.opcode >= 8
  if (!entry.isText && !(isControl && valid)) return null
  const cut = payload.length < length
  const notes = []
  if (cut) notes.push(`first ${payload.length} of ${formatInteger(length)} bytes`)
  if (!valid && (cut || entry.fragment)) notes.push('� stands for a character that is cut apart here')
  else if (!valid) notes.push('not valid UTF-8')
  return textView('decoded', 'Decoded text', text, notes)
}

/** With the last piece of a message: all of it. */
function wholeView(fragment) {
  if (fragment?.whole === undefined) return null
  const note = `the whole message, put together from ${plural(fragment.number, 'piece')}`
  return textView('decoded-message', 'Whole message', fragment.whole, [note])
}

function definitions(rows) {
  return html(
    'dl',
    { class: 'facts' },
    rows.filter(row => row).map(([term, value]) => html('div', {}, html('dt', {}, term), html('dd', {}, value))),
  )
}

/** Which tint a field has. */
const TINTS = {
  fin: 'tint-flags',
  rsv1: 'tint-flags',
  rsv2: 'tint-flags',
  rsv3: 'tint-flags',
  opcode: 'tint-flags',
  mask: 'tint-length',
  length: 'tint-length',
  extended: 'tint-length',
  key: 'tint-key',
  payload: 'tint-payload',
}

function diagramView(frame, columns) {
  const rows = diagramRows(frame, columns, columns === 32 ? 16 : 8)
  const ruler = html(
    'div',
    { class: 'ruler' },
    Array.from({ length: columns }, (_, bit) =>
      html(
        'span',
        { class: 'ruler-bit' },
        html('b', { class: 'ruler-ten' }, bit % 10 === 0 ? String(bit / 10) : ''),
        String(bit % 10),
      ),
    ),
  )
  return html(
    'div',
    {
      class: 'diagram',
      role: 'img',
      'aria-label': `The bits of this frame, ${columns} to a row; the table “Field by field” has the same in words`,
      variables: { columns },
    },
    ruler,
    rows.map(row =>
      html(
        'div',
        { class: 'bits' },
        row.map(cell => diagramCell(cell)),
      ),
    ),
  )
}

function diagramCell(cell) {
  const classes = ['cell', TINTS[cell.key] ?? 'end']
  if (cell.continued) classes.push('continued')
  if (cell.continues) classes.push('continues')
  if (cell.span === 1) classes.push('narrow')
  if (cell.byte !== undefined) classes.push('byte')
  const attributes = { class: classes.join(' '), variables: { span: cell.span } }
  if (cell.filler)
    return html('div', attributes, html('span', { class: 'name' }, cell.span > 8 ? 'end of frame' : ''))
  attributes.data = { field: cell.key }
  if (cell.rest !== undefined) {
    return html(
      'div',
      { ...attributes, class: `${attributes.class} rest` },
      html('span', { class: 'name' }, `payload continues for ${plural(cell.rest, 'more byte')}`),
    )
  }
  return html(
    'div',
    attributes,
    html(
      'span',
      { class: 'digits' },
      Array.from(cell.bits, bit => html('span', { class: bit === '1' ? 'one' : 'zero' }, bit)),
    ),
    html('span', { class: 'name' }, nameIn(cell)),
    valueIn(cell),
  )
}

function nameIn(cell) {
  if (cell.byte !== undefined) return `payload ${cell.byte}`
  if (cell.continued) return `${cell.name} (continued)`
  return cell.name
}

function valueIn(cell) {
  if (cell.span === 1) return null
  if (cell.byte !== undefined) {
    return html(
      'span',
      { class: 'value' },
      cell.value,
      cell.plain === undefined ? null : html('i', {}, character(cell.plain)),
    )
  }
  if (cell.key === 'key') return html('span', { class: 'value' }, cell.bits.match(/.{8}/g).map(hexOfBits).join(' '))
  return cell.continued ? null : html('span', { class: 'value' }, cell.value)
}

/** The byte as a character that can be seen. */
const character = byte => (byte === 0x20 ? '␣' : ascii(byte))

const hexOfBits = bits => hexByte(Number.parseInt(bits, 2))

function fieldsView(frame) {
  const rows = headerFields(frame).map(field => ({ ...field }))
  if (frame.length > 0) {
    rows.push({
      key: 'payload',
      name: 'Payload data',
      bits: null,
      value: plural(frame.length, 'byte'),
      meaning: frame.masked ? 'Masked on the wire' : 'As it is',
    })
  }
  return html(
    'table',
    { class: 'fields' },
    html(
      'thead',
      {},
      html(
        'tr',
        {},
        ['Field', 'Bits', 'Value', 'Meaning'].map(name => html('th', { scope: 'col', class: 'column-title' }, name)),
      ),
    ),
    html(
      'tbody',
      {},
      rows.map(({ key, name, bits, value, meaning }) =>
        html(
          'tr',
          { data: { field: key } },
          html('th', { scope: 'row' }, html('span', { class: `swatch ${TINTS[key]}` }), name),
          html('td', { class: 'bits-column' }, bits === null ? '' : groupBits(bits)),
          html('td', { class: 'value-column' }, value),
          html('td', { class: 'meaning-column' }, meaning),
        ),
      ),
    ),
  )
}

function groupBits(bits) {
  if (bits.length <= 8) return bits
  if (bits.length > 32) return html('span', {}, plural(bits.length, 'bit'))
  return bits.match(/.{8}/g).join(' ')
}

function maskView(frame) {
  const plain = fromHex(frame.payload).subarray(0, MASKED_BYTES_SHOWN)
  const wire = wirePayload(frame)
  const key = fromHex(frame.maskingKey)
  const row = (label, tint, value) =>
    html(
      'tr',
      {},
      html('th', { scope: 'row', class: 'row-title' }, label),
      Array.from(plain, (_, i) => html('td', { class: tint }, value(i))),
    )
  return html(
    'table',
    { class: 'masking' },
    html(
      'tbody',
      {},
      row('on the wire', 'tint-payload', i => hexByte(wire[i])),
      row('⊕ key', 'tint-key', i => hexByte(key[i % 4])),
      row('= payload', 'tint-flags', i => hexByte(plain[i])),
      row('as ASCII', null, i => character(plain[i])),
    ),
  )
}

function dumpView(bytes, columns) {
  const lines = []
  for (let at = 0; at < bytes.length; at += columns) {
    const line = bytes.slice(at, at + columns)
    const pad = columns - line.length
    const hexOf = part =>
      part.map(([byte, field], i) => [
        i > 0 ? ' ' : '',
        html('span', { class: `byte ${TINTS[field] ?? ''}`, data: { field } }, hexByte(byte)),
      ])
    lines.push(
      html(
        'div',
        { class: 'line' },
        html('span', { class: 'offset' }, at.toString(16).padStart(4, '0')),
        '  ',
        hexOf(line.slice(0, 8)),
        columns > 8 && line.length > 8 ? '  ' : '',
        columns > 8 ? hexOf(line.slice(8)) : null,
        ' '.repeat(3 * pad + (columns > 8 && line.length <= 8 ? 1 : 0)),
        '  ',
        html(
          'span',
          { class: 'ascii' },
          line.map(([byte, field]) =>
            html('span', { class: `byte ${TINTS[field] ?? ''}`, data: { field } }, ascii(byte)),
          ),
        ),
      ),
    )
  }
  return html(
    'div',
    { id: 'hexdump', class: 'hexdump', role: 'group', tabindex: '0', 'aria-label': 'Hex dump' },
    lines.length > 0 ? lines : html('p', { class: 'empty' }, 'No bytes.'),
  )
}

function headersTable(headers) {
  return html(
    'table',
    { class: 'headers' },
    html(
      'tbody',
      {},
      headers.map(([name, value]) =>
        html(
          'tr',
          { data: { part: HANDSHAKE_HEADERS[name.toLowerCase()] ? 'handshake' : 'other' } },
          html('th', { scope: 'row' }, name),
          html(
            'td',
            {},
            html('code', {}, value),
            HANDSHAKE_HEADERS[name.toLowerCase()] &&
              html('small', { class: 'header-note' }, HANDSHAKE_HEADERS[name.toLowerCase()]),
          ),
        ),
      ),
    ),
  )
}

const HANDSHAKE_HEADERS = {
  upgrade: 'the protocol that this connection is to change to',
  connection: 'says that Upgrade is meant for the next hop',
  'sec-websocket-key': '16 random bytes in base64; the answer must prove that they were read',
  'sec-websocket-version': 'RFC 6455 is version 13',
  'sec-websocket-protocol': 'subprotocols on offer; the server may pick one',
  'sec-websocket-extensions': 'extensions on offer; the server may agree to some',
  'sec-websocket-accept': 'SHA-1 of the key and a fixed GUID: the proof',
  origin: 'the page that asks: browsers always say',
}

function handshakeView(event) {
  const parts = [
    html(
      'p',
      { class: 'lead' },
      'A WebSocket begins as an HTTP request. This is what the browser sent, as the server got it.',
    ),
    block(
      'Request',
      [html('p', { class: 'request-line' }, html('code', {}, event.request)), headersTable(event.headers)],
      {
        id: 'request',
      },
    ),
  ]
  if (event.response) {
    parts.push(
      block(
        'Response',
        [
          html('p', { class: 'request-line' }, html('code', {}, event.response)),
          headersTable(event.responseHeaders ?? []),
        ],
        { id: 'response' },
      ),
    )
  } else {
    parts.push(
      html(
        'p',
        { class: 'lead' },
        'The server answered ',
        html('code', {}, '101 Switching Protocols'),
        event.protocol
          ? [' and picked the subprotocol ', html('code', {}, event.protocol), '. ']
          : ' without a subprotocol. ',
        event.extensions && ['Both agreed on ', html('code', {}, event.extensions), '. '],
        'From here on there are only frames.',
      ),
    )
  }
  return parts
}

const STAGES = {
  open: 'before any Close frame',
  'close-sent': 'while the server waited for the answering Close frame',
  'close-exchanged': 'after both sides had sent their Close frame',
  failed: 'after the server had failed the connection',
  closed: 'after the transport had ended',
}

const SIDES = {
  page: 'this page',
  peer: 'the browser',
  client: 'the browser',
  remote: 'the browser',
  browser: 'the browser',
  local: 'the server',
  server: 'the server',
  application: 'the server',
  network: 'the network',
  transport: 'the network',
}

function causeText(cause) {
  if (typeof cause === 'string') return html('code', {}, cause)
  return [cause.code, cause.clause, cause.message ?? cause.words].filter(Boolean).join(' · ')
}

/** Who started the closing, as far as anyone knows. */
export function whoClosed(record) {
  if (record.server?.by) return SIDES[record.server.by] ?? String(record.server.by)
  if (record.askedFrom) return SIDES[record.askedFrom]
  return record.code === 1006 ? 'unknown: the browser does not say' : 'the other side'
}

/** The close record, for the inspector and for the connection's own section. */
export function closeView(record) {
  const [name, meaning] = closeCode(record.code)
  const { server } = record
  return definitions([
    ['Code', [html('b', { data: { code: record.code } }, `${record.code} ${name}`)]],
    ['Meaning', meaning],
    ['Reason', record.reason === '' ? html('i', {}, 'none given') : `“${record.reason}”`],
    ['Clean', record.wasClean ? 'yes, with the closing handshake' : 'no'],
    ['Closed by', whoClosed(record)],
    server && server.code !== record.code && ['Server saw', `${server.code} ${closeCode(server.code)[0]}`],
    server?.stage && ['Ended', STAGES[server.stage] ?? String(server.stage)],
    server?.violation && ['Cause', causeText(server.violation)],
    record.opened && ['Lasted', `${(record.age / 1000).toFixed(1)} s`],
  ])
}

/** One line of it. */
export function closeSummary(record) {
  const [name] = closeCode(record.code)
  const reason = record.reason ? ` “${record.reason}”` : ''
  return `${record.code} ${name}${reason}`
}
