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

/** Lets it play the cases of a judge by the page that is there, until that says that it is done; returns what it says. */
export async function playPage(url: string, ...more: readonly string[]): Promise<string | null> {
  const browser = await launchChromium(...more)
  try {
    const page = await browser.newPage()
    await page.goto(url)
    await page.waitForFunction('document.querySelector("#state").textContent.startsWith("Done")')
    return await page.textContent('#state')
  } finally {
    await browser.close()
  }
}

export function launchChromium(...more: readonly string[]): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM!, args: [...ARGUMENTS, ...more] })
}
