/**
 * The negotiation of permessage-deflate (RFC 7692 §7.1), both sides, as data: what a client offers, what a server
 * makes of the offers, and whether what it answered is valid.
 *
 *     client: formatDeflateOffer ─→ server: acceptDeflateOffer ─→ client: checkDeflateResponse
 *
 *     parameter                     in an offer       in a response
 *     server_no_context_takeover    no value          no value
 *     client_no_context_takeover    no value          no value
 *     server_max_window_bits        8–15              8–15
 *     client_max_window_bits        8–15, or none     8–15, and only if it was offered
 *
 * An offer that breaks the table is declined and the next one looked at; a response that breaks it fails the opening
 * handshake. Compression itself is not here: the pure core has no zlib.
 */
import type { Extension } from './header-fields.ts'

export const PERMESSAGE_DEFLATE = 'permessage-deflate'

/** §7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15" */
export const MIN_WINDOW_BITS = 8
export const MAX_WINDOW_BITS = 15
const WINDOW_BITS = /^(?:[89]|1[0-5])$/

/** What both sides keep to; and, before that, the most that one side is willing to. */
export interface DeflateParameters {
  /** The server forgets each message before it compresses the next (§7.1.1.1). */
  readonly serverNoContextTakeover: boolean
  /** The client does (§7.1.1.2). */
  readonly clientNoContextTakeover: boolean
  /** The server refers back over 2 to the power of this many bytes at most, 8 to 15 (§7.1.2.1). */
  readonly serverMaxWindowBits: number
  /** The client does (§7.1.2.2). */
  readonly clientMaxWindowBits: number
}

/** The parameters of one offer or response; undefined is a parameter that is not there. */
interface GivenParameters {
  readonly serverNoContextTakeover: boolean
  readonly clientNoContextTakeover: boolean
  readonly serverMaxWindowBits: number | undefined
  readonly clientMaxWindowBits: number | undefined
}

export interface AcceptedDeflate {
  readonly parameters: DeflateParameters
  /** For Sec-WebSocket-Extensions of the response. */
  readonly extension: Extension
}

export type DeflateResponseCheck =
  /** Undefined: the server does not want it. */
  | { readonly ok: true; readonly parameters: DeflateParameters | undefined }
  | { readonly ok: false; readonly words: string }

/** The client's offer to keep to `wanted`. */
export function formatDeflateOffer(wanted: DeflateParameters): Extension {
  const { serverMaxWindowBits, clientMaxWindowBits } = wanted
  return formatParameters({
    ...wanted,
    serverMaxWindowBits: serverMaxWindowBits < MAX_WINDOW_BITS ? serverMaxWindowBits : undefined,
    // §7.1.2.2: without the parameter the server could not limit us
    clientMaxWindowBits: clientMaxWindowBits < MAX_WINDOW_BITS ? clientMaxWindowBits : 'any',
  })
}

/** What a server that is willing to `wanted` answers to what a client offers; undefined accepts none of it. */
export function acceptDeflateOffer(
  offers: readonly Extension[],
  wanted: DeflateParameters,
): AcceptedDeflate | undefined {
  // RFC 6455 §9.1: "the order of extensions is significant": the first one that can be accepted is what the client
  // would like best
  for (const { name, parameters } of offers) {
    const offer = name === PERMESSAGE_DEFLATE ? readParameters(parameters, 'offer') : undefined
    if (offer !== undefined) return accept(offer, wanted)
  }
  return undefined
}

/** Whether a response agrees to the offer of `wanted`, and to what. */
export function checkDeflateResponse(
  extensions: readonly Extension[],
  wanted: DeflateParameters,
): DeflateResponseCheck {
  const extension = extensions.find(({ name }) => name === PERMESSAGE_DEFLATE)
  if (extension === undefined) return { ok: true, parameters: undefined }
  const refuse = (words: string) => ({ ok: false, words: `permessage-deflate ${words}` }) as const
  const response = readParameters(extension.parameters, 'response')
  if (response === undefined) return refuse('has a parameter that is unknown, repeated or out of range')
  // §7.1.1.1, §7.1.2.1: a server accepts an offer with these parameters by having them in the response, the window
  // no larger than it was offered
  if (wanted.serverNoContextTakeover && !response.serverNoContextTakeover) {
    return refuse('has no server_no_context_takeover, which was asked for')
  }
  const serverMaxWindowBits = response.serverMaxWindowBits ?? MAX_WINDOW_BITS
  if (serverMaxWindowBits > wanted.serverMaxWindowBits) {
    return refuse(`must have server_max_window_bits of at most ${wanted.serverMaxWindowBits}`)
  }
  return {
    ok: true,
    parameters: {
      serverNoContextTakeover: response.serverNoContextTakeover,
      clientNoContextTakeover: response.clientNoContextTakeover || wanted.clientNoContextTakeover,
      serverMaxWindowBits,
      clientMaxWindowBits: Math.min(response.clientMaxWindowBits ?? MAX_WINDOW_BITS, wanted.clientMaxWindowBits),
    },
  }
}

function accept(offer: GivenParameters, wanted: DeflateParameters): AcceptedDeflate {
  const canLimitClient = offer.clientMaxWindowBits !== undefined
  const parameters = {
    serverNoContextTakeover: offer.serverNoContextTakeover || wanted.serverNoContextTakeover,
    // A client whose window cannot be limited to what we are willing to keep must not make us keep one.
    clientNoContextTakeover:
      offer.clientNoContextTakeover ||
      wanted.clientNoContextTakeover ||
      (!canLimitClient && wanted.clientMaxWindowBits < MAX_WINDOW_BITS),
    serverMaxWindowBits: Math.min(offer.serverMaxWindowBits ?? MAX_WINDOW_BITS, wanted.serverMaxWindowBits),
    clientMaxWindowBits: canLimitClient
      ? Math.min(offer.clientMaxWindowBits, wanted.clientMaxWindowBits)
      : MAX_WINDOW_BITS,
  }
  const { serverMaxWindowBits, clientMaxWindowBits } = parameters
  // §7.1.2.1: an offer that has it is accepted by having it in the response; else it may be there, and spares the
  // client the memory
  const tellsServerBits = offer.serverMaxWindowBits !== undefined || serverMaxWindowBits < MAX_WINDOW_BITS
  const extension = formatParameters({
    ...parameters,
    serverMaxWindowBits: tellsServerBits ? serverMaxWindowBits : undefined,
    clientMaxWindowBits: clientMaxWindowBits < MAX_WINDOW_BITS ? clientMaxWindowBits : undefined,
  })
  return { parameters, extension }
}

/** Reads the parameters of an offer or a response; undefined when one is not as the table has it, or comes twice. */
function readParameters(
  parameters: Extension['parameters'],
  kind: 'offer' | 'response',
): GivenParameters | undefined {
  const given: { -readonly [name in keyof GivenParameters]: GivenParameters[name] } = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  }
  // §7.1: an offer or response with an unknown parameter, with an invalid value, or with the same parameter more
  // than once is declined, or fails the connection
  if (new Set(parameters.map(([name]) => name)).size < parameters.length) return undefined
  for (const [name, value] of parameters) {
    if (name === 'server_no_context_takeover' && value === undefined) given.serverNoContextTakeover = true
    else if (name === 'client_no_context_takeover' && value === undefined) given.clientNoContextTakeover = true
    else if (name === 'server_max_window_bits' && isWindowBits(value)) given.serverMaxWindowBits = Number(value)
    else if (name === 'client_max_window_bits' && isWindowBits(value)) given.clientMaxWindowBits = Number(value)
    // §7.1.2.2: in an offer it may come without a value, and then says that the response may have it
    else if (name === 'client_max_window_bits' && value === undefined && kind === 'offer') {
      given.clientMaxWindowBits = MAX_WINDOW_BITS
    } else return undefined
  }
  return given
}

function isWindowBits(value: string | undefined): boolean {
  return value !== undefined && WINDOW_BITS.test(value)
}

function formatParameters(
  given: Omit<GivenParameters, 'clientMaxWindowBits'> & { readonly clientMaxWindowBits: number | 'any' | undefined },
): Extension {
  const { serverMaxWindowBits, clientMaxWindowBits } = given
  const parameters: [string, string | undefined][] = []
  if (given.serverNoContextTakeover) parameters.push(['server_no_context_takeover', undefined])
  if (given.clientNoContextTakeover) parameters.push(['client_no_context_takeover', undefined])
  if (serverMaxWindowBits !== undefined) parameters.push(['server_max_window_bits', `${serverMaxWindowBits}`])
  if (clientMaxWindowBits !== undefined) {
    parameters.push(['client_max_window_bits', clientMaxWindowBits === 'any' ? undefined : `${clientMaxWindowBits}`])
  }
  return { name: PERMESSAGE_DEFLATE, parameters }
}
