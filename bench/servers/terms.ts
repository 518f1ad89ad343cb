/** What a server under test is asked to be. All of them are given the same, and written as their own documentation has it. */

export interface ServerTerms {
  /**
   * `echo` sends each message back; `broadcast` sends each message to all who are connected; `quiet` says nothing, but
   * what a heartbeat says.
   */
  readonly role: 'echo' | 'broadcast' | 'quiet' | 'events'
  /**
   * How the application takes text: as a string, whatever that costs, or as the library hands it out by itself. The
   * second is the same for those who know nothing but strings.
   */
  readonly delivery: 'string' | 'native'
  readonly deflate: boolean
  /** For the raw server alone, which does not parse: bytes that make a message, and the bytes that answer it. */
  readonly requestLength: number
  readonly replyLength: number
}

/** No case sends more. */
export const MAX_MESSAGE = 128 * 2 ** 20
export const HOST = '127.0.0.1'
export const BACKLOG = 4096

export interface ServerModule {
  /** Resolves to the port. */
  readonly serve: (terms: ServerTerms) => Promise<number>
}
