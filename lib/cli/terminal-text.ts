/** What comes from the network, in words for a person at a terminal. */

/** Control characters as escapes, but for tabs and new lines: what comes must not steer the terminal. */
export function visible(text: string): string {
  return text.replace(/[^\P{Cc}\t\n]/gu, character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** @param body what the server answered beside its status, if it did; the beginning of it is shown */
export function describeError(error: Error, body?: Buffer): string {
  const { code } = error as NodeJS.ErrnoException
  // A failed attempt at several addresses has a code and no message.
  const message = error.message === '' ? 'could not connect' : error.message
  const shown = body?.toString().trim().slice(0, 500)
  return `${message}${code === undefined || message.includes(code) ? '' : ` (${code})`}${shown ? `\n${shown}` : ''}`
}
