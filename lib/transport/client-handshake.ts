/**
 * The client's side of one opening handshake on one socket: writes the request, reads the response within its
 * bounds, and resolves with the open connection, or with the answer that was given instead.
 */
import type { Socket } from 'node:net'
import { HandshakeError, type HandshakeResponse } from '../errors.ts'
import { checkResponse, formatRequest } from '../websocket/handshake.ts'
import { formatExtensions, type HeaderFields } from '../websocket/header-fields.ts'
import { checkDeflateResponse, formatDeflateOffer, PERMESSAGE_DEFLATE } from '../websocket/permessage-deflate.ts'
import type { CheckedConnectOptions } from './client-options.ts'
import type { DeflateAgreement } from './deflate-options.ts'
import { type Outcome, ResponseReader, responseOf } from './response-reader.ts'
import { WebSocketConnection } from './websocket-connection.ts'

export interface OpeningRequest {
  readonly url: URL
  /** 16 random bytes in base64. */
  readonly key: string
  readonly headers: HeaderFields
}

/**
 * Rejects with a `HandshakeError`, with the system's error such as ECONNREFUSED, or with the signal's reason. The
 * socket is gone unless it became the connection's.
 */
export function openOn(
  socket: Socket,
  request: OpeningRequest,
  options: CheckedConnectOptions,
  signal: AbortSignal,
): Promise<WebSocketConnection | HandshakeResponse> {
  const reader = new ResponseReader({ maxBytes: options.maxHeaderBytes, maxFields: options.maxHeaders })
  return new Promise((resolve, reject) => {
    const release = () => {
      socket.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', fail)
      signal.removeEventListener('abort', onAbort)
    }
    const abandon = () => {
      release()
      socket.on('error', ignoreError).destroy()
    }
    const fail = (error: unknown) => {
      abandon()
      reject(error)
    }
    const answered = (response: HandshakeResponse) => {
      abandon()
      resolve(response)
    }
    const onAbort = () => {
      // Out of time within the body of an answer: what has come of it is worth more than the time-out.
      if (signal.reason instanceof HandshakeError && reader.response !== undefined) answered(reader.response)
      else fail(signal.reason)
    }
    const onEnd = () => {
      if (reader.response !== undefined) answered(reader.response)
      else fail(new HandshakeError('WS_ERR_HANDSHAKE_CLOSED', 'the server closed the socket without a response'))
    }
    const onData = (chunk: Buffer) => {
      try {
        const outcome = reader.push(chunk)
        if (outcome === undefined) return
        if ('response' in outcome) return answered(outcome.response)
        const { protocol, deflate } = checkUpgrade(outcome, request, options)
        release()
        if (outcome.rest.length > 0) socket.unshift(outcome.rest)
        resolve(new WebSocketConnection(socket, 'client', options.settings, protocol, undefined, deflate))
      } catch (error) {
        fail(error)
      }
    }
    socket.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', fail)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) return onAbort()
    const extensions =
      options.perMessageDeflate === undefined ? [] : [formatDeflateOffer(options.perMessageDeflate.wanted)]
    socket.write(formatRequest({ ...request, protocols: options.protocols, extensions }), 'latin1')
  })
}

/** Returns what was agreed on, or throws a HandshakeError. */
function checkUpgrade(
  { head }: Extract<Outcome, { head: unknown }>,
  { key }: OpeningRequest,
  { protocols, perMessageDeflate: settings }: CheckedConnectOptions,
): { readonly protocol: string; readonly deflate: DeflateAgreement | undefined } {
  const extensionsOffered = settings === undefined ? [] : [PERMESSAGE_DEFLATE]
  const check = checkResponse(head, { key, protocols, extensionsOffered })
  if (!check.ok) throw new HandshakeError(check.fault, check.words, { response: responseOf(head) })
  const { protocol, extensions } = check
  if (settings === undefined) return { protocol, deflate: undefined }
  const answer = checkDeflateResponse(extensions, settings.wanted)
  if (!answer.ok) {
    throw new HandshakeError('WS_ERR_HANDSHAKE_EXTENSIONS', answer.words, { response: responseOf(head) })
  }
  const { parameters } = answer
  if (parameters === undefined) return { protocol, deflate: undefined }
  return { protocol, deflate: { parameters, settings, extensions: formatExtensions(extensions) } }
}

/** The outcome is settled; whatever the socket says on its way out concerns nobody. */
function ignoreError(): void {}
