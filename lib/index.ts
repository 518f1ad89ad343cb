/**
 * wirewright: the web's real-time transports for Node.js.
 *
 * The public surface on one page. Layers point one way, down this list; a spec keeps it so.
 *
 *     cli/           the `wirewright` command, over this page only
 *     transport/     sockets, timers, randomness: servers, clients, open connections
 *     event-stream/  WHATWG HTML §9.2 without I/O; public as `wirewright/event-stream`
 *     websocket/     RFC 6455 without I/O; public as `wirewright/protocol`
 *     errors         every way in which things go wrong, as a table
 *
 * WebSocket      server: new WebSocketServer() → listen or attach → 'connection' → WebSocketConnection
 *                client: connect(url) → WebSocketConnection, or new WebSocket(url) as in browsers
 * Event streams  server: openEventStream(request, response) → EventStream, on any HTTP server or a WebSocketServer's port
 *                client: eventStream(url) → its events, or new EventSource(url) as in browsers
 */

export {
  ClosedError,
  type EventStreamResponse,
  EventStreamResponseError,
  type EventStreamResponseErrorCode,
  EventStreamTimeoutError,
  type EventStreamTimeoutErrorCode,
  HandshakeError,
  type HandshakeResponse,
  ProtocolError,
  VIOLATIONS,
  type Violation,
  type ViolationCode,
} from './errors.ts'
export { connect } from './transport/client.ts'
export type { ConnectOptions } from './transport/client-options.ts'
export { CloseEvent, type CloseEventInit } from './transport/close-event.ts'
export type { CloseDetail, CloseRecord, GiveUp } from './transport/close-record.ts'
export type { ConnectionSettings, SendOptions, TraceListener } from './transport/connection-options.ts'
export type { DeflateOptions } from './transport/deflate-options.ts'
export type { EventHandler } from './transport/event-handlers.ts'
export { EventSource, type EventSourceErrorEvent, type EventSourceInit } from './transport/event-source.ts'
export type { EventStreamClientOptions, ReconnectionInfo } from './transport/event-source-options.ts'
export { EventStream, type EventStreamClose, EventStreamClosedError } from './transport/event-stream.ts'
export { type EventStreamHead, type EventStreamRequestOptions, eventStream } from './transport/event-stream-client.ts'
export type { EventStreamOptions, OverflowPolicy } from './transport/event-stream-options.ts'
export type { Fetch, FetchInit, FetchResponse } from './transport/fetch-exchange.ts'
export type { AgentFor } from './transport/http-exchange.ts'
export { declineEventStream, eventStreamResponse, openEventStream } from './transport/open-event-stream.ts'
export type { OriginPolicy } from './transport/origin-policy.ts'
export { type OutgoingEvent, PreparedEvent, prepareEvent } from './transport/outgoing-event.ts'
export type { PortResponse } from './transport/port-response.ts'
export { type PreparedMessage, prepareMessage } from './transport/prepared-message.ts'
export { WebSocketServer, type WebSocketServerEvents } from './transport/server.ts'
export type {
  Acceptance,
  Authorization,
  ListenOptions,
  RequestListener,
  ServerOptions,
} from './transport/server-options.ts'
export type { ListenAddress } from './transport/upgrade-port.ts'
export type { UpgradeRequest } from './transport/upgrade-request.ts'
export { type BinaryType, WebSocket } from './transport/websocket.ts'
export {
  type Message,
  WebSocketConnection,
  type WebSocketConnectionEvents,
} from './transport/websocket-connection.ts'
export type { CloseStatus } from './websocket/close.ts'
export type { MessageData } from './websocket/connection.ts'
export type { FrameRecord } from './websocket/frame-trace.ts'
export type { Refusal } from './websocket/handshake.ts'
export type { HeaderFields } from './websocket/header-fields.ts'
export type { KeepaliveOptions } from './websocket/keepalive.ts'
export type { DeflateParameters } from './websocket/permessage-deflate.ts'
