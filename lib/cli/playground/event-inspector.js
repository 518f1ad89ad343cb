/** One entry of an event stream in full: an event as it goes over the wire, line by line, and what comes of it. */
import { plural, utf8 } from './bytes.js'
import { html } from './dom.js'
import { answerOf, endOf, lastEventIdOf, lateness, retryOf } from './event-rows.js'

/** WHATWG HTML §9.2.6, in a few words. */
const FIELDS = {
  event: 'the event type',
  data: 'a line of the data',
  id: 'the last event ID from now on',
  retry: 'the reconnection time, in milliseconds',
}

const HEADERS = {
  accept: 'what an EventSource asks for',
  'cache-control': 'from the server itself, not from a cache',
  'last-event-id': 'the ID of the last event that has arrived: go on from there',
  'sec-fetch-site': 'the page is of this very origin',
}

export class EventInspector {
  #title
  #subtitle
  #body

  constructor({ title, subtitle, body }) {
    this.#title = title
    this.#subtitle = subtitle
    this.#body = body
    this.show(null)
  }

  show(entry) {
    this.#body.dataset.kind = entry?.kind ?? 'none'
    const [title, subtitle, parts] =
      entry === null
        ? [
            'Nothing selected',
            '',
            [html('p', { class: 'empty' }, 'Select a row to see it as it goes over the wire.')],
          ]
        : VIEWS[entry.kind](entry)
    this.#title.textContent = title
    this.#subtitle.textContent = subtitle
    this.#body.replaceChildren(...parts)
  }
}

const VIEWS = {
  event(entry) {
    const { told, type, lastEventId, isReplayed } = entry
    const late = lateness(entry)
    const size = told === null ? '' : plural(utf8(told.text).length, 'byte')
    const when = isReplayed ? `replayed${late && `, ${late} late`}` : late
    const title = type === 'hello' ? 'Event hello' : `Event ${lastEventId}, ${type}`
    return [
      title,
      [size, when].filter(Boolean).join(' · '),
      [
        type === 'hello' &&
          html('p', { class: 'lead' }, 'The first event of each connection: what the server saw in the request.'),
        wireView(told),
        block('In the browser', eventView(entry), 'a MessageEvent'),
      ].filter(Boolean),
    ]
  },
  field({ told }) {
    return [
      'No event',
      plural(utf8(told.text).length, 'byte'),
      [
        html(
          'p',
          { class: 'lead' },
          `Without data nothing is dispatched. From now on the browser waits ${retryOf(told.text) / 1000} s before it asks again.`,
        ),
        wireView(told),
      ],
    ]
  },
  request(entry) {
    const { told, isReconnection } = entry
    const id = lastEventIdOf(entry)
    const lead = !isReconnection
      ? 'An event stream is the answer to a usual GET, an answer that does not end.'
      : id === null
        ? 'The browser asks again by itself. No event had an ID, so it has none to go on from.'
        : `The browser asks again by itself, and says how far it got: ${id}.`
    const parts = [html('p', { class: 'lead' }, lead)]
    if (told === null) parts.push(html('p', { class: 'empty' }, 'The server did not tell what it got.'))
    else {
      parts.push(
        block('Request', [
          html('p', { class: 'request-line' }, html('code', {}, told.request)),
          headersTable(told.headers),
        ]),
        block('Answer', [
          html('p', {}, answerOf(entry)),
          told.status === 200 && html('p', { class: 'note' }, 'Content-Type: text/event-stream'),
        ]),
      )
    }
    return [isReconnection ? 'Request, again' : 'Request', told === null ? '' : `connection ${told.number}`, parts]
  },
  end(entry) {
    const [what, why] = endOf(entry)
    const { told, reason } = entry
    const lead =
      reason === 'lost'
        ? 'To the browser a cut and a clean end look alike: the body has no length, so its end is the end of the connection. It dispatches “error”, waits for the reconnection time and asks again.'
        : reason === 'page'
          ? 'close() was called. Only a new EventSource would connect again.'
          : 'An answer that is not 200, or no text/event-stream, is the end: readyState is CLOSED.'
    return [
      what,
      why,
      [
        html('p', { class: 'lead' }, lead),
        told &&
          html(
            'dl',
            { class: 'facts' },
            fact('Server saw', told.by === 'peer' && told.command === null ? 'the client go' : 'its own end of it'),
            told.cause && fact('Cause', html('code', {}, told.cause)),
          ),
      ].filter(Boolean),
    ]
  },
  failed({ times }) {
    return [
      'No answer',
      plural(times, 'attempt'),
      [
        html(
          'p',
          { class: 'lead' },
          'Nobody listens there, or the network is away. The browser keeps trying by itself.',
        ),
      ],
    ]
  },
}

function wireView(told) {
  if (told === null)
    return block('On the wire', html('p', { class: 'empty' }, 'A page does not see it, and the server did not tell.'))
  const lines = told.text.split('\n').slice(0, -1)
  return block(
    'On the wire',
    html(
      'table',
      { class: 'wire' },
      html(
        'tbody',
        {},
        lines.map(line =>
          html('tr', {}, html('td', {}, lineView(line)), html('td', { class: 'meaning' }, meaningOf(line, lines))),
        ),
      ),
    ),
    'UTF-8, a field to a line',
  )
}

function lineView(line) {
  const end = html('span', { class: 'end' }, '↵')
  if (line === '') return html('code', {}, end)
  const colon = line.indexOf(':')
  if (colon === 0) return html('code', { class: 'comment' }, line, end)
  return html('code', {}, html('span', { class: 'name' }, line.slice(0, colon)), line.slice(colon), end)
}

function meaningOf(line, lines) {
  if (line === '')
    return lines.some(other => other.startsWith('data:')) ? 'a blank line: dispatch it' : 'a blank line'
  return line.startsWith(':') ? 'a comment: nothing comes of it' : (FIELDS[line.slice(0, line.indexOf(':'))] ?? '')
}

function eventView({ type, data, lastEventId, origin, bytes }) {
  return html(
    'dl',
    { class: 'facts' },
    fact('type', html('code', {}, type)),
    fact('data', html('pre', { id: 'event-data', tabindex: '0', 'aria-label': 'Data' }, data)),
    fact('', html('span', { class: 'note' }, sizeOf(data, bytes))),
    fact('lastEventId', lastEventId === '' ? html('i', {}, 'empty') : html('code', {}, lastEventId)),
    fact('origin', html('code', {}, origin)),
  )
}

function sizeOf(data, bytes) {
  const characters = Array.from(data).length
  const lines = data.split('\n').length
  const parts = [plural(characters, 'character')]
  if (characters !== bytes) parts.push(plural(bytes, 'byte'))
  if (lines > 1) parts.push(plural(lines, 'line'))
  return parts.join(', ')
}

function headersTable(headers) {
  return html(
    'table',
    { class: 'headers' },
    html(
      'tbody',
      {},
      headers.map(([name, value]) => {
        const note = HEADERS[name.toLowerCase()]
        return html(
          'tr',
          { data: { part: note ? 'stream' : 'other', name: name.toLowerCase() } },
          html('th', { scope: 'row' }, name),
          html('td', {}, html('code', {}, value), note && html('small', { class: 'header-note' }, note)),
        )
      }),
    ),
  )
}

function fact(term, value) {
  return html('div', {}, html('dt', {}, term), html('dd', {}, value))
}

function block(title, content, note = null) {
  return html(
    'section',
    { class: 'block' },
    html('header', {}, html('h4', {}, title), note && html('span', { class: 'note' }, note)),
    content,
  )
}
