/** The HTML report: one file that needs nothing else, holds the whole report, and shows it in a real browser. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { formatHtml } from '../../../conformance/report/html.ts'
import type { CaseResult } from '../../../conformance/verdict.ts'
import { CHROMIUM, launchChromium } from '../../support/chromium.ts'
import { needs } from '../../support/programs.ts'
import { AWKWARD, SAMPLE } from '../../support/sample-report.ts'

// A browser may take long to start where there is other work.
t.setTimeout(60_000)

function dataOf(html: string) {
  return JSON.parse(/<script type="application\/json" id="report">([\s\S]*?)<\/script>/.exec(html)![1]!)
}

t.test('it loads nothing, and nothing in the data ends its script', async t => {
  const html = formatHtml(SAMPLE)
  t.notMatch(html, /\b(src|href)=|@import|url\(/)
  t.equal(html.split('</script>').length, 3)
  t.match(html, '<title>Conformance: first &lt;agent>, second</title>')
  const data = dataOf(html)
  t.equal(data.runs[0].results['1.2'].words, JSON.parse(JSON.stringify(AWKWARD)))
  t.same(
    data.cases.map(({ id }: CaseResult) => id),
    ['1.1', '1.2', '2.1', '2.2', '2.3'],
  )
})

t.test('of what passes a long log is shortened, of what fails it is kept', async t => {
  const log = Array.from({ length: 41 }, (_, at) => ({ at, from: 'note' as const, words: `entry ${at}` }))
  const [run] = SAMPLE.runs
  const results = run!.results.map(result => ({ ...result, log }))
  const data = dataOf(formatHtml({ ...SAMPLE, runs: [{ ...run!, results }] }))
  t.equal(data.runs[0].results['1.2'].log.length, 41)
  const words = data.runs[0].results['1.1'].log.map(({ words }: { words: string }) => words)
  t.same(words.slice(15, 18), ['entry 15', '… 17 more entries …', 'entry 33'])
  t.equal(words.at(-1), 'entry 40')
})

t.test(
  'in Chromium: matrix, filter, a case with its log, both colour schemes',
  needs('chromium', CHROMIUM),
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'report-'))
    const file = join(folder, 'report.html')
    writeFileSync(file, formatHtml(SAMPLE))
    const browser = await launchChromium()
    t.teardown(async () => {
      await browser.close()
      rmSync(folder, { recursive: true })
    })
    const page = await browser.newPage()
    const errors: string[] = []
    page.on('pageerror', error => errors.push(error.message))
    page.on('console', message => message.type() === 'error' && errors.push(message.text()))
    await page.goto(pathToFileURL(file).href)

    t.same(await page.locator('.overview tbody th').allInnerTexts(), [
      'first <agent>\nserver, 1.5 s: 2 failed, 1 not offered, 1 OK',
      'second\nclient, 0.0 s: 2 OK',
    ])
    t.same(await page.locator('.cases tbody tr').allInnerTexts(), [
      '1.1\tcase 1.1\t\nOK\n12 ms\n\t\nOK\n12 ms',
      '1.2\tcase 1.2\t\nfailed\n12 ms\n\t–',
      '2.1\tcase 2.1\t\nOK\nwrong code\n\t–',
      '2.2\tcase 2.2\t\nnot offered\n12 ms\n\t–',
      '2.3\tcase 2.3\t–\t\nOK\n12 ms',
    ])
    for (const chip of ['OK', 'Not offered']) await page.locator('.chip', { hasText: chip }).click()
    t.same(await page.locator('.cases tbody th').allInnerTexts(), ['1.2', '2.1'])
    await page.locator('input').fill('2.')
    t.same(await page.locator('.cases tbody th').allInnerTexts(), ['2.1'])
    await page.locator('input').fill('no such case')
    t.match(await page.locator('.empty').textContent(), /No case/)
    await page.locator('input').fill('')

    await page.locator('.cell button', { hasText: 'failed' }).click()
    t.match(
      await page.locator('dialog').textContent(),
      /1\.2[\s\S]*FAILED[\s\S]*got <\/script>[\s\S]*suite →[\s\S]*81 85[\s\S]*Hello/,
    )
    t.match(page.url(), /#case-0-1\.2$/)
    await page.keyboard.press('Escape')
    t.equal(await page.locator('dialog').isVisible(), false)
    await page.waitForURL(url => url.hash === '')
    await page.goto(`${pathToFileURL(file).href}#case-0-2.1`)
    await page.reload()
    t.match(await page.locator('dialog h2').textContent(), '2.1', 'a case has an address')

    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
    await page.emulateMedia({ colorScheme: 'light' })
    const light = await background()
    await page.emulateMedia({ colorScheme: 'dark' })
    t.not(await background(), light)
    t.same(errors, [])
  },
)
