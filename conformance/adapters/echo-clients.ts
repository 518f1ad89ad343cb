/**
 * What every adapter of a client does: asks how many cases there are, lets the client of each case echo until it closes,
 * several at a time, and asks for the reports. Only the client itself differs.
 */

/** Connects to the URL, sends every message back as what it was, and resolves when the connection has ended. */
export type EchoClient = (url: string) => Promise<void>

const JOBS = 4

/** @param count how many cases there are, as the suite has told */
export async function runCases(base: string, agent: string, count: number, echo: EchoClient): Promise<void> {
  let next = 0
  const work = async () => {
    while (next < count) {
      // A case may well refuse the client, or break the connection: that is what it is for.
      await echo(`${base}/runCase?case=${++next}&agent=${encodeURIComponent(agent)}`).catch(() => {})
    }
  }
  await Promise.all(Array.from({ length: JOBS }, work))
  await echo(`${base}/updateReports?agent=${encodeURIComponent(agent)}`).catch(() => {})
}

/** Longest message of a case, and more fragments than one has. */
export const MAX_MESSAGE = 2 ** 27
