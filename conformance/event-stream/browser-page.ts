/**
 * The page by which a browser judges itself: its EventSource before every case, with the protocol of client-judge.ts. It
 * is a harness to be copied, too. The agent is `?agent=…`, or what the browser calls itself.
 */
export const BROWSER_PAGE: string = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>Event-stream conformance</title>
<style>body { font: 1rem/1.5 system-ui; margin: 3rem auto; max-width: 40rem }</style>
<h1>Event-stream conformance</h1>
<p id="state">Beginning …</p>
<script type="module">
const agent = new URLSearchParams(location.search).get('agent') ??
  navigator.userAgentData?.brands.at(-1)?.brand ?? navigator.userAgent
const state = document.querySelector('#state')
const get = async path => (await fetch(path)).text()

async function run(number) {
  const { url, types, over, report } = JSON.parse(
    await get(\`/runEventStream?case=\${number}&agent=\${encodeURIComponent(agent)}\`))
  const seen = []
  const source = new EventSource(url)
  for (const type of [...types, 'open', 'error']) {
    source.addEventListener(type, ({ data, lastEventId, origin }) =>
      seen.push({ type, data, lastEventId, origin, readyState: source.readyState }))
  }
  await get(over)
  source.close()
  await fetch(report, { method: 'POST', body: JSON.stringify(seen) })
}

const count = Number(await get('/getEventStreamCaseCount'))
let next = 0
// A browser has six connections to a server: two for each case.
await Promise.all([1, 2].map(async () => {
  while (next < count) {
    const number = ++next
    state.textContent = \`Case \${number} of \${count}\`
    await run(number)
  }
}))
await get(\`/updateReports?agent=\${encodeURIComponent(agent)}\`)
state.textContent = \`Done: \${count} cases as \${agent}\`
</script>
</html>
`
