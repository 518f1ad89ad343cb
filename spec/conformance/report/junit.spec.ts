/** The JUnit report: well-formed whatever stands in it, with the counts that CI servers read. */
import t from 'tap'
import { formatJunit } from '../../../conformance/report/junit.ts'
import { SAMPLE } from '../../support/sample-report.ts'

/** Elements and attributes of an XML text; throws where it is not well-formed. */
function parse(xml: string): { name: string; attributes: Record<string, string>; depth: number }[] {
  const elements: { name: string; attributes: Record<string, string>; depth: number }[] = []
  const open: string[] = []
  for (const [, slash, name = '', attributes = '', empty] of xml.matchAll(
    /<(\/?)([\w?]+)((?:\s+[\w-]+="[^"<]*")*)\s*(\/?)\??>/g,
  )) {
    if (name.startsWith('?')) continue
    if (slash) {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing`)
      continue
    }
    const pairs = Array.from(attributes.matchAll(/([\w-]+)="([^"]*)"/g), ([, key = '', value = '']) => [key, value])
    elements.push({ name, attributes: Object.fromEntries(pairs), depth: open.length })
    if (!empty) open.push(name)
  }
  if (open.length > 0) throw new Error(`<${open.at(-1)}> is not closed`)
  return elements
}

t.test('a suite for each peer and group, a case for each case', async t => {
  const elements = parse(formatJunit(SAMPLE))
  const suites = elements.filter(({ name }) => name === 'testsuite').map(({ attributes }) => attributes)
  t.same(
    suites.map(({ name, tests, failures, skipped }) => [name, tests, failures, skipped].join(' | ')),
    [
      'first &lt;agent&gt;: 1 Framing &amp; &quot;more&quot; | 2 | 1 | 0',
      'first &lt;agent&gt;: 2 Pings | 2 | 1 | 1',
      'second: 1 Framing &amp; &quot;more&quot; | 1 | 0 | 0',
      'second: 2 Pings | 1 | 0 | 0',
    ],
  )
  t.equal(elements.filter(({ name }) => name === 'testcase').length, 6)
  const messages = elements
    .filter(({ name }) => name === 'failure' || name === 'skipped')
    .map(({ name, attributes }) => [name, attributes.message])
  t.same(messages, [
    ['failure', "expected &quot;&lt;b&gt;&quot; &amp; '#1', got &lt;/script&gt;&lt;!-- \ufffd\ufffd\ufffd \\ 1 2"],
    ['failure', 'expected Close 1000 or none, got Close 1011'],
    ['skipped', 'permessage-deflate was not agreed on'],
  ])
})

t.test('a failure has its wire log', async t => {
  t.match(
    formatJunit(SAMPLE),
    /0\.5 ms {2}suite {3}text, FIN, masked, 5 bytes {2}818500000000\n +1\.5 ms {2}note {4}the peer ended TCP<\/failure>/,
  )
})
