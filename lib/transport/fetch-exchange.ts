/**
 * One HTTP request and its response through a `fetch` that the caller has brought along: any that does what the
 * WHATWG's standard says. Redirects, connections and proxies are its business, and it has taken content codings off.
 */
import type { ReadableStreamLike } from '../event-stream/parse-event-stream.ts'
import { type HttpBody, type HttpOutcome, type HttpRequest, withoutUserinfo } from './http-exchange.ts'

/** What is asked of a `fetch`. */
export interface FetchInit {
  method: string
  headers: [string, string][]
  body?: string | Uint8Array<ArrayBuffer>
  signal: AbortSignal
  redirect: 'follow'
  cache: 'no-store'
  credentials?: 'include'
}

/** What is looked at of a `Response`. */
export interface FetchResponse {
  readonly status: number
  readonly url: string
  readonly headers: { forEach(callback: (value: string, name: string) => void): void }
  readonly body: ReadableStreamLike | null
}

export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>

/** @param signal ends the exchange, at whatever stage */
export async function exchangeByFetch(
  request: HttpRequest,
  { fetch, withCredentials }: { readonly fetch: Fetch; readonly withCredentials: boolean },
  signal: AbortSignal,
): Promise<HttpOutcome> {
  // Fetch takes no user name and password in a URL; they have become a field.
  const url = withoutUserinfo(request.url)
  let response: FetchResponse
  try {
    response = await fetch(url.href, {
      method: request.method,
      headers: Object.entries(request.headers).flatMap(([name, values]) =>
        [values].flat().map((value): [string, string] => [name, value]),
      ),
      ...(request.body !== undefined && { body: request.body as string | Uint8Array<ArrayBuffer> }),
      signal,
      redirect: 'follow',
      // §9.2.2, constructor, 11: "Set request's cache mode to "no-store"."
      cache: 'no-store',
      ...(withCredentials && { credentials: 'include' as const }),
    })
  } catch (failure) {
    return { failure }
  }
  const headers: Record<string, string> = Object.create(null)
  response.headers.forEach((value, name) => {
    headers[name.toLowerCase()] = value
  })
  const body = response.body === null ? EMPTY : bodyOf(response.body, signal)
  const from = URL.canParse(response.url) ? new URL(response.url) : url
  return { response: { status: response.status, headers, url: from, body } }
}

const EMPTY: HttpBody = { next: async () => undefined, close() {} }

function bodyOf(stream: ReadableStreamLike, signal: AbortSignal): HttpBody {
  const reader = stream.getReader()
  const close = () => {
    signal.removeEventListener('abort', close)
    reader.cancel().catch(() => {})
  }
  signal.addEventListener('abort', close)
  if (signal.aborted) close()
  return {
    async next() {
      const { done, value } = await reader.read()
      if (done) signal.removeEventListener('abort', close)
      return done ? undefined : (value as Uint8Array)
    },
    close,
  }
}
