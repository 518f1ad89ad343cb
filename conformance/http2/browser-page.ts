/**
 * The page by which a browser judges its WebSockets over HTTP/2: it comes over the connection on which they are opened. It
 * is a harness to be copied, too. The agent is `?agent=…`, or what the browser calls itself.
 */
export const BROWSER_PAGE: string = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>WebSocket conformance over HTTP/2</title>
<style>body { font: 1rem/1.5 system-ui; margin: 3rem auto; max-width: 40rem }</style>
<h1>WebSocket conformance over HTTP/2</h1>
<p id="state">Beginning …</p>
<script type="module">
const agent = new URLSearchParams(location.search).get('agent') ??
  navigator.userAgentData?.brands.at(-1)?.brand ?? navigator.userAgent
const query = \`agent=\${encodeURIComponent(agent)}\`
const state = document.querySelector('#state')

// Echoes until the end, and resolves with what came last.
async function run(path) {
  // A browser opens WebSockets on a connection of HTTP/2 only if there is one, which a case may have ended.
  await fetch('/', { method: 'HEAD' })
  return new Promise(resolve => {
    let last
    const socket = new WebSocket(\`wss://\${location.host}\${path}\`)
    socket.binaryType = 'arraybuffer'
    socket.onmessage = ({ data }) => {
      last = data
      if (path.startsWith('/runCase')) socket.send(data)
    }
    socket.onclose = () => resolve(last)
  })
}

const count = Number(await run('/getCaseCount'))
for (let number = 1; number <= count; number++) {
  state.textContent = \`Case \${number} of \${count}\`
  await run(\`/runCase?case=\${number}&\${query}\`)
}
await run(\`/updateReports?\${query}\`)
state.textContent = \`Done: \${count} cases as \${agent}\`
</script>
</html>
`
