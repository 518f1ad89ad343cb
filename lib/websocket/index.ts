/**
 * `wirewright/protocol`: WebSocket without I/O. Everything here is a pure function or a machine that is fed bytes
 * and returns bytes, to be driven over any byte channel: a TCP socket, an HTTP/2 or HTTP/3 stream, a test.
 *
 *     handshake        request and response, written and verified (RFC 6455 §4)
 *     http-head        HTTP/1.1 heads out of bytes; header-fields: their grammar
 *     connection       the whole protocol after the handshake (§5–§7), the part to start with
 *     frame-parser     frames out of bytes, as the connection uses it; frame: the header and its rules
 *     close            close codes and the closing handshake as a table
 *     frame-trace      frames for people to look at
 *     permessage-deflate  the negotiation of compression (RFC 7692 §7.1)
 *     keepalive        when a silent peer is asked, and given up
 */

export { ProtocolError, VIOLATIONS, type Violation, type ViolationCode } from '../errors.ts'
export {
  ABNORMAL_CLOSURE,
  CLOSE_CODES,
  CLOSING_HANDSHAKE,
  type CloseStatus,
  type ClosingEvent,
  type ClosingState,
  type ClosingStep,
  isCloseCode,
  MAX_REASON_LENGTH,
  NO_STATUS_RECEIVED,
  parseClosePayload,
  truncateReason,
  writeClosePayload,
} from './close.ts'
export {
  Connection,
  type ConnectionHandler,
  type ConnectionOptions,
  DEFAULT_LIMITS,
  type EncodedMessage,
  type Inflate,
  type Inflated,
  type MessageData,
} from './connection.ts'
export { checkHeader, headerLength, OPCODES, ROLES, type Role, type RoleFacts, writeHeader } from './frame.ts'
export { FrameParser } from './frame-parser.ts'
export { type FrameRecord, FrameTracer } from './frame-trace.ts'
export type { MaskingKeySource } from './frame-writer.ts'
export {
  acceptFor,
  checkProtocols,
  checkRequest,
  checkResponse,
  chooseProtocol,
  formatRefusal,
  formatRequest,
  formatResponse,
  type HandshakeParts,
  type HandshakeRequest,
  REQUEST_FAULTS,
  RESPONSE_FAULTS,
  type Refusal,
  type RequestCheck,
  type RequestFault,
  type ResponseCheck,
  type ResponseFault,
  refusalFor,
} from './handshake.ts'
export {
  type Extension,
  formatExtensions,
  type HeaderFields,
  parseExtensions,
  parseTokenList,
} from './header-fields.ts'
export {
  HEAD_FAULTS,
  type HeadFault,
  type HeadLimits,
  HeadParser,
  type HeadState,
  type HttpFault,
  type RequestHead,
  type ResponseHead,
} from './http-head.ts'
export { judgeSilence, type KeepaliveOptions, type KeepaliveVerdict } from './keepalive.ts'
export { advanceKey, maskBytes } from './mask.ts'
export {
  type AcceptedDeflate,
  acceptDeflateOffer,
  checkDeflateResponse,
  type DeflateParameters,
  type DeflateResponseCheck,
  formatDeflateOffer,
  PERMESSAGE_DEFLATE,
} from './permessage-deflate.ts'
export { INVALID as INVALID_UTF8, validateUtf8 } from './utf8.ts'
