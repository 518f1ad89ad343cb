/** A real browser: Debian's Chromium, driven by playwright-core. */
import { type Browser, chromium } from 'playwright-core'
import { findProgram } from './programs.ts'

/** Its path; undefined where there is none. */
export const CHROMIUM = findProgram('chromium', 'chromium-browser')

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export function launchChromium(...more: readonly string[]): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM!, args: [...ARGUMENTS, ...more] })
}
