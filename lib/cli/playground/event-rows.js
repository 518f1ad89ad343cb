/** What the list of events shows of each entry, and how it is said to those who hear it. */
import { formatInteger, onOneLine, plural } from './bytes.js'
import { html, icon } from './dom.js'

const PREVIEW = 120

/** Line ends as the sign on the key, which more fonts have than the picture of a line feed. */
const oneLine = text => onOneLine(text.replaceAll('\n', ' ↵ '))

const seconds = milliseconds => `${(milliseconds / 1000).toFixed(milliseconds < 9950 ? 1 : 0)} s`

/** How long after it was made the server sent it; live events are late by less than a tenth of a second. */
export function lateness({ told }) {
  if (told?.late === undefined || told.kind === 'hello') return ''
  return told.late < 100 ? 'live' : seconds(told.late)
}

/** `Last-Event-ID` as the request had it, read as it was written: in UTF-8. */
export function lastEventIdOf({ told }) {
  return told?.headers.find(([name]) => name.toLowerCase() === 'last-event-id')?.[1] ?? null
}

const ENDS = {
  drop: ['Connection lost', 'the server cut it'],
  close: ['Stream ended', 'the server ended it'],
  stop: ['Stream ended', 'the server ended it, and will answer 204'],
}

/** What happened, and why as far as anyone knows. */
export function endOf({ reason, told, status }) {
  if (reason === 'page') return ['Closed', 'by this page: the browser will not ask again']
  if (reason === 'refused' && status === 204) return ['204 No Content', 'the browser will not ask again']
  if (reason === 'refused') return ['Refused', 'the answer was no event stream: the browser will not ask again']
  return ENDS[told?.command] ?? ['Connection lost', told === null ? 'the browser does not tell why' : 'it broke']
}

/** What the answer to a request means for the events that come now. */
export function answerOf({ told }) {
  if (told === null) return ''
  if (told.status === 204) return '204 No Content'
  if (told.lastEventId === '') return '200 OK, from now on'
  if (!told.isKnown) return '200 OK, an ID that the server does not know: from now on'
  const lost = told.lost > 0 ? `, ${formatInteger(told.lost)} no longer there` : ''
  return `200 OK, ${plural(told.replays, 'event')} to replay${lost}`
}

export const retryOf = text => Number(/^retry: (\d+)$/m.exec(text)?.[1])

const ROWS = {
  event(entry) {
    const id = entry.type === 'hello' ? '' : entry.lastEventId
    return [
      html('span', { class: 'id' }, id === '' ? html('i', {}, 'none') : id),
      html('span', { class: 'type' }, entry.type),
      html(
        'span',
        { class: 'late' },
        entry.isReplayed && html('span', { class: 'badge replayed' }, 'replayed'),
        html('span', {}, lateness(entry)),
      ),
      html('span', { class: 'preview' }, oneLine(entry.data.slice(0, PREVIEW))),
    ]
  },
  request(entry) {
    const id = lastEventIdOf(entry)
    return [
      html('span', { class: 'words' }, icon('to-server'), html('b', {}, entry.isReconnection ? 'GET again' : 'GET')),
      html(
        'span',
        { class: 'preview' },
        id !== null && html('code', { class: 'badge asked' }, `Last-Event-ID: ${id}`),
        html('span', {}, answerOf(entry)),
        entry.waited !== null && html('small', {}, `after ${seconds(entry.waited)}`),
      ),
    ]
  },
  end(entry) {
    const [what, why] = endOf(entry)
    return [
      html('span', { class: 'words' }, icon('end'), html('b', {}, what)),
      html('span', { class: 'preview' }, why),
    ]
  },
  failed(entry) {
    return [
      html('span', { class: 'words' }, icon('end'), html('b', {}, 'No answer')),
      html('span', { class: 'preview' }, `the browser tried ${plural(entry.times, 'time')} and goes on trying`),
    ]
  },
  field(entry) {
    return [
      html('span', { class: 'id' }),
      html('span', { class: 'type' }, html('i', {}, 'no event')),
      html('span', { class: 'late' }),
      html('span', { class: 'preview' }, oneLine(entry.told.text.trim())),
    ]
  },
}

export function renderEventRow(entry) {
  return html(
    'div',
    {
      class: 'entry event',
      'aria-label': describe(entry),
      data: {
        kind: entry.kind,
        reason: entry.reason ?? '',
        replayed: entry.isReplayed === true,
        event: entry.kind === 'event' ? entry.type : '',
        eventId: entry.kind === 'event' && entry.type !== 'hello' ? entry.lastEventId : '',
      },
    },
    html('span', { class: 'time' }, (entry.at / 1000).toFixed(2)),
    ROWS[entry.kind](entry),
  )
}

function describe(entry) {
  const at = `at ${(entry.at / 1000).toFixed(1)} seconds`
  if (entry.kind === 'request') {
    const id = lastEventIdOf(entry)
    return ['Request', id !== null && `Last-Event-ID ${id}`, answerOf(entry), at].filter(Boolean).join(', ')
  }
  if (entry.kind === 'end') return [...endOf(entry), at].join(', ')
  if (entry.kind === 'failed') return `No answer, ${plural(entry.times, 'time')}, ${at}`
  if (entry.kind === 'field') return `Reconnection time set to ${retryOf(entry.told.text)} milliseconds, ${at}`
  const late = lateness(entry)
  return [
    `Event ${entry.type}`,
    entry.type === 'hello' ? 'without ID' : `ID ${entry.lastEventId}`,
    entry.isReplayed && `replayed${late === '' ? '' : `, ${late} late`}`,
    entry.data.slice(0, 60),
    at,
  ]
    .filter(Boolean)
    .join(', ')
}
