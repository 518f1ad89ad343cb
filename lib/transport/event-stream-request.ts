/**
 * One attempt to open an event stream: the request, redirects, and whether what was answered is an event stream
 * (WHATWG HTML §9.2.2, steps of the constructor).
 *
 *     headers() ─► request ─► exchange ─┬─ redirect ─► the next request, without credentials for another origin
 *                                       ├─ 200, text/event-stream ─► response
 *                                       └─ anything else ─► EventStreamResponseError, with the beginning of the body
 *
 * A failure is the network's, and it may be tried again; what is thrown is for good.
 */
import { EventStreamResponseError, type EventStreamResponseErrorCode } from '../errors.ts'
import { basicCredentials } from '../websocket/handshake.ts'
import { type HeaderFields, isFieldValue } from '../websocket/header-fields.ts'
import { type CheckedClientOptions, fieldValueOf } from './event-source-options.ts'
import { exchangeByFetch } from './fetch-exchange.ts'
import {
  exchange,
  type HttpBody,
  type HttpOutcome,
  type HttpRequest,
  type HttpResponse,
  type HttpTransport,
} from './http-exchange.ts'
import { isRedirect, isSameOrigin, withoutCredentials } from './redirects.ts'

export interface EventStreamRequest extends CheckedClientOptions {
  readonly url: URL
  readonly withCredentials: boolean
}

/** The most of a body that is kept for an error. */
const BODY_LIMIT = 65_536
/** In milliseconds; what has not come by then is not waited for. */
const BODY_TIME = 2000

/** What Fetch adds to a request, unless the caller has said otherwise. */
const DEFAULT_FIELDS: readonly (readonly [name: string, value: string])[] = [
  // §9.2.2, 10: "User agents may set (`Accept`, `text/event-stream`) in request's header list."
  ['Accept', 'text/event-stream'],
  // Fetch, "HTTP-network-or-cache fetch", 8.17, for the cache mode "no-store" of §9.2.2, 11
  ['Cache-Control', 'no-cache'],
  ['Pragma', 'no-cache'],
  // Events would wait in the coder's buffer.
  ['Accept-Encoding', 'identity'],
]

/** Fetch §2.2.2: "A request-body-header name is a header name that is a byte-case-insensitive match for one of" these. */
const BODY_FIELDS: readonly string[] = ['content-encoding', 'content-language', 'content-location', 'content-type']

/** Why a response is not an event stream. */
type Fault = readonly [code: EventStreamResponseErrorCode, words: string]

export type Answer = { readonly response: HttpResponse; readonly fault: Fault | undefined }

/**
 * Sends the request, and follows redirects. What has been answered is yet to be judged.
 *
 * @param signal ends the attempt, and the response that came of it
 * @throws {unknown} what the caller's `headers` throws; what Node refuses to send; the signal's reason
 */
export async function requestEventStream(
  request: EventStreamRequest,
  lastEventId: string,
  signal: AbortSignal,
): Promise<Answer | { readonly failure: unknown }> {
  const headers = await unlessAborted(Promise.resolve(request.headers()), signal)
  let { url, method, body } = request
  let origin = { headers, tls: request.tls, socketPath: request.socketPath }
  for (let redirects = 0; ; redirects++) {
    const message = { url, method, headers: fieldsOf(url, origin.headers, body, lastEventId), body }
    const outcome = await send(message, request, { agent: request.agent, ...origin }, signal)
    signal.throwIfAborted()
    if ('failure' in outcome) return outcome
    const { response } = outcome
    if (!isRedirect(response.status)) return { response, fault: faultOf(response, request) }
    const to = redirectTarget(response.headers.location, url, redirects, request.maxRedirects)
    if (typeof to === 'string') return { response, fault: ['ERR_EVENT_STREAM_REDIRECT', to] }
    if (becomesGet(response.status, method)) {
      method = 'GET'
      body = undefined
      origin = { ...origin, headers: without(BODY_FIELDS, origin.headers) }
    }
    if (!isSameOrigin(to, url)) origin = withoutCredentials(origin)
    url = to
    // The rest of the answer is not read.
    response.body.close()
  }
}

function send(
  message: HttpRequest,
  { fetch, withCredentials }: EventStreamRequest,
  transport: HttpTransport,
  signal: AbortSignal,
): Promise<HttpOutcome> {
  if (fetch === undefined) return exchange(message, transport, signal)
  // A fetch may be deaf to the signal.
  return unlessAborted(exchangeByFetch(message, { fetch, withCredentials }, signal), signal)
}

function fieldsOf(
  url: URL,
  given: HeaderFields,
  body: string | Uint8Array | undefined,
  lastEventId: string,
): HeaderFields {
  const fields: Record<string, HeaderFields[string]> = Object.create(null)
  const names = Object.keys(given).map(name => name.toLowerCase())
  const add = (name: string, value: string | undefined) => {
    if (value !== undefined && !names.includes(name.toLowerCase())) fields[name] = value
  }
  for (const [name, value] of DEFAULT_FIELDS) add(name, value)
  // Fetch §6.2, "extract a body": of a string, "Set type to `text/plain;charset=UTF-8`."
  add('Content-Type', typeof body === 'string' ? 'text/plain;charset=UTF-8' : undefined)
  add('Authorization', basicCredentials(url))
  Object.assign(fields, given)
  // §9.2.3, "reestablish the connection", 5.3: "If the EventSource object's last event ID string is not the empty string
  // [...] Set (`Last-Event-ID`, lastEventIDValue) in request's header list." One with control characters, which a stream
  // can set, is no field value (RFC 9110 §5.5) and is not sent.
  const value = fieldValueOf(lastEventId)
  if (value !== '' && isFieldValue(value)) fields['Last-Event-ID'] = value
  return fields
}

/** Fetch §4.4, "HTTP-redirect fetch", 11. */
function becomesGet(status: number, method: string): boolean {
  // "status is 301 or 302 and request's method is `POST`"
  if (status === 301 || status === 302) return method === 'POST'
  // "status is 303 and request's method is not `GET` or `HEAD`"
  return status === 303 && method !== 'GET' && method !== 'HEAD'
}

/** Where it leads, or why it leads nowhere. */
function redirectTarget(
  location: string | undefined,
  from: URL,
  redirects: number,
  maxRedirects: number,
): URL | string {
  if (location === undefined) return 'the redirect has no Location'
  if (redirects >= maxRedirects) return `more than ${maxRedirects} redirects: see maxRedirects`
  if (!URL.canParse(location, from.href)) return 'the Location of the redirect is not a URL'
  const to = new URL(location, from)
  to.hash = ''
  if (to.protocol !== 'http:' && to.protocol !== 'https:') return `the redirect leads to ${to.protocol}`
  if (from.protocol === 'https:' && to.protocol === 'http:') return 'the redirect leads from https: to http:'
  return to
}

function without(lowerCaseNames: readonly string[], headers: HeaderFields): HeaderFields {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !lowerCaseNames.includes(name.toLowerCase())))
}

function faultOf({ status, headers }: HttpResponse, { fetch }: EventStreamRequest): Fault | undefined {
  // §9.2.2, 15.3: "Otherwise, if res's status is not 200, or if res's `Content-Type` is not `text/event-stream`, then
  // fail the connection."
  if (status !== 200) return ['ERR_EVENT_STREAM_STATUS', `the server answered ${status} in place of 200`]
  const essence = essenceOf(headers['content-type'])
  if (essence !== 'text/event-stream') {
    const words = `the server answered with ${essence ?? 'no content type'} in place of text/event-stream`
    return ['ERR_EVENT_STREAM_TYPE', words]
  }
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? ''
  // A fetch has decoded it.
  if (fetch !== undefined || coding === '' || coding === 'identity') return undefined
  return ['ERR_EVENT_STREAM_ENCODING', `the stream is encoded, which was not asked for: ${coding.slice(0, 40)}`]
}

/** Fetch §2.2.2, "extract a MIME type": of several, the last one that is valid counts. Parameters are left out. */
function essenceOf(contentType: string | undefined): string | undefined {
  let essence: string | undefined
  for (const value of contentType?.split(',') ?? []) {
    const found = /^[\t\n\r ]*([!#$%&'*+.^`|~\w-]{1,127}\/[!#$%&'*+.^`|~\w-]{1,127})[\t\n\r ]*(?:;|$)/.exec(
      value,
    )?.[1]
    if (found !== undefined && found !== '*/*') essence = found.toLowerCase()
  }
  return essence
}

/** What is wrong with the answer, with the beginning of its body; undefined if it is an event stream. */
export async function judge(
  { response, fault }: Answer,
  signal: AbortSignal,
): Promise<EventStreamResponseError | undefined> {
  if (fault === undefined) return undefined
  const { status, headers, url } = response
  const body = await readBeginning(response.body, signal)
  return new EventStreamResponseError(...fault, { url: url.href, status, headers, body })
}

/** The first bytes of a body, as far as they come in time. */
async function readBeginning(body: HttpBody, signal: AbortSignal): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let length = 0
  const reading = (async () => {
    while (length < BODY_LIMIT && !signal.aborted) {
      const chunk = await body.next()
      if (chunk === undefined) return
      pieces.push(chunk)
      length += chunk.length
    }
  })().catch(() => {}) // what came before it broke off is worth keeping
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, BODY_TIME)
  })
  await Promise.race([reading, late])
  clearTimeout(timer)
  return Buffer.concat(pieces).subarray(0, BODY_LIMIT)
}

/** The promise's value, or a rejection with the signal's reason as soon as it is aborted. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => {})
  signal.throwIfAborted()
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort as () => void)
  }
}
