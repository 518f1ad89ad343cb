/** `wirewright serve`: where it listens, what it serves and to whom, and the page in a real browser. */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import type { Locator, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { connect, type HandshakeError } from 'wirewright'
import { CHROMIUM, launchChromium } from '../support/chromium.ts'
import { CommandRun, runCommand } from '../support/command-line.ts'
import { needs } from '../support/programs.ts'
import { exchange, isLastAnswer } from '../support/raw-socket.ts'
import { within } from '../support/waiting.ts'

const FOLDER = new URL('lib/cli/playground/', import.meta.resolve('wirewright/package.json'))

interface Served {
  readonly run: CommandRun
  readonly port: number
  /** `127.0.0.1` and the port. */
  readonly host: string
}

async function startServe(t: Test, ...args: string[]): Promise<Served> {
  const run = new CommandRun(t, ['serve', ...args])
  const [, port] = await run.until(
    'stdout',
    /^The wirewright playground is open at http:\/\/127\.0\.0\.1:(\d+)\/\nCtrl-C/,
  )
  return { run, port: Number(port), host: `127.0.0.1:${port}` }
}

/** Listens on the port unless something else does already. */
async function take(t: Test, port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1')
  t.teardown(() => server.close())
  try {
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  } catch {
    return port
  }
}

t.test('each file of the page is served as it is, and nothing else', async t => {
  const { port } = await startServe(t, '--port', '0')
  const get = (path: string, method = 'GET') =>
    exchange(port, `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  const head = (path: string) => get(path, 'HEAD')
  for (const name of ['', ...readdirSync(FOLDER)]) {
    const answer = await get(`/${name}`)
    const file = readFileSync(new URL(name || 'index.html', FOLDER), 'latin1')
    t.match(answer, { status: 200, body: file }, name || 'the page')
    t.ok(isLastAnswer(answer))
    t.match(answer.headers, { 'content-type': /^(text|image)\//, 'content-security-policy': /^default-src 'self';/ })
    const { text } = await head(`/${name}`)
    t.equal(text, answer.text.slice(0, -file.length), 'HEAD has the same head and no body')
  }
  t.match(await get('/?theme=dark'), { status: 200 })
  for (const path of [
    '/nothing',
    '/lib/cli/serve.ts',
    '/../serve.ts',
    '/%2e%2e/serve.ts',
    '/index.html/',
    '/echo/x',
  ]) {
    t.match(await get(path), { status: 404 }, path)
  }
  t.match(await get('/', 'POST'), { status: 405, headers: { allow: 'GET, HEAD' } })
})

t.test('WebSockets are for /echo, /frames and /streams, and not for pages of other origins', async t => {
  const { host } = await startServe(t, '-p', '0')
  const status = async (path: string, headers: Record<string, string> = {}) => {
    try {
      const socket = await connect(`ws://${host}${path}`, { headers })
      socket.close()
      await socket.closed
      return 101
    } catch (error) {
      return (error as HandshakeError).response?.status
    }
  }
  const own = { Origin: `http://${host}` }
  const table: readonly (readonly [path: string, headers: Record<string, string>, status: number])[] = [
    ['/echo', {}, 101],
    ['/echo', own, 101],
    ['/echo?trace=nobody', own, 101],
    ['/echo?trace', own, 101],
    ['/frames?trace=a', own, 101],
    ['/frames', own, 404],
    ['/streams?session=a', {}, 101],
    ['/streams?session=a', own, 101],
    ['/streams', own, 404],
    ['/streams?session=a%20b', own, 404],
    ['/events?session=a', own, 404],
    ['/frames?trance=a', own, 404],
    ['/', own, 404],
    ['/echo/', own, 404],
    ['/index.html', own, 404],
    ...['http://example.com', 'null', `https://${host}`, 'http://127.0.0.1', `http://localhost:${host.split(':')[1]}`]
      .flatMap(origin =>
        ['/echo', '/frames?trace=a', '/streams?session=a'].map(path => [path, { Origin: origin }, 403] as const),
      )
      // Behind a proxy that speaks TLS the page's own origin is https.
      .filter(([, { Origin }]) => Origin !== `https://${host}`),
  ]
  for (const [path, headers, expected] of table) {
    t.equal(await status(path, headers), expected, `${path} ${JSON.stringify(headers)}`)
  }
})

t.test('the echo takes any subprotocol and long messages', async t => {
  const { host } = await startServe(t, '-p', '0')
  const socket = await connect(`ws://${host}/echo`, { protocols: ['a', 'b'], maxMessageSize: 2 ** 24 })
  t.equal(socket.protocol, 'a')
  const message = Buffer.alloc(2 ** 24, 'bytes')
  socket.send(message)
  const [back] = await within(once(socket, 'message'))
  t.ok(message.equals(back))
  socket.close()
  await socket.closed
})

t.test('where the default port is taken, another one is found', async t => {
  await take(t, 8080)
  const { run, port } = await startServe(t)
  t.not(port, 8080)
  t.equal(run.stderr, 'Port 8080 is taken, so another one it is.\n')
})

t.test('a port that was asked for is meant: taken, it is exit code 1', async t => {
  const port = await take(t, 0)
  const { code, stdout, stderr } = await runCommand(t, ['serve', '--port', `${port}`])
  t.same([code, stdout], [1, ''])
  t.match(stderr, new RegExp(`^wirewright serve: [^\n]*EADDRINUSE[^\n]*${port}\n$`))
})

t.test('a signal ends it in good order', async t => {
  const { run, host } = await startServe(t, '-p', '0')
  const sockets = [await connect(`ws://${host}/frames?trace=a`), await connect(`ws://${host}/echo?trace=a`)]
  for (const socket of sockets) socket.on('message', () => {})
  run.child.kill('SIGINT')
  for (const socket of sockets) t.match(await within(socket.closed), { code: 1001, wasClean: true })
  t.match(await within(run.ended), { code: 0, stderr: '' })
})

t.setTimeout(300_000)
t.test('the page in Chromium', needs('chromium', CHROMIUM), async t => {
  const browser = await launchChromium()
  t.teardown(() => browser.close())
  t.comment(browser.version())
  const { run, host } = await startServe(t, '-p', '0')

  /** A test on a page of its own, which has connected; nothing may go wrong in its console. */
  function testPage(name: string, run: (t: Test, page: Page) => Promise<void>) {
    testPageAt('', untilOpen, name, run)
  }

  /** The same, on the panel for event streams. */
  function testStreamPage(name: string, run: (t: Test, page: Page) => Promise<void>) {
    testPageAt('#event-stream', untilStreamOpen, name, run)
  }

  function testPageAt(
    hash: string,
    ready: (page: Page) => Promise<void>,
    name: string,
    run: (t: Test, page: Page) => Promise<void>,
  ) {
    t.test(name, async t => {
      const context = await browser.newContext()
      t.teardown(() => context.close())
      const page = await context.newPage()
      const errors: string[] = []
      page.on('console', message => message.type() === 'error' && errors.push(message.text()))
      page.on('pageerror', error => errors.push(String(error)))
      await page.goto(`http://${host}/${hash}`)
      await ready(page)
      await run(t, page)
      // What the page asks to be broken off the browser tells of: that is what the button is for.
      const isAskedFor = (text: string) => hash !== '' && text.endsWith('net::ERR_INCOMPLETE_CHUNKED_ENCODING')
      const unasked = errors.filter(text => !isAskedFor(text))
      t.same(unasked, [], 'nothing is wrong in the console')
    })
  }

  t.test('with --deflate: what was agreed on, and what became of a message', async t => {
    const { host } = await startServe(t, '-p', '0', '--deflate')
    const page = await browser.newPage()
    t.teardown(() => page.close())
    await page.goto(`http://${host}/`)
    await untilOpen(page)
    const agreed = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
    t.match(await page.locator('#state-detail').textContent(), agreed)
    await page.locator('#inspector-body[data-kind="handshake"]').waitFor()
    t.match(await page.locator('#inspector-body').textContent(), `Both agreed on ${agreed}`)
    await page.locator('#text').fill('compressible '.repeat(100))
    await page.locator('#send').click()
    for (const direction of ['in', 'out'] as const) {
      const shown = await cells(frame(page, direction, 1))
      t.match(shown, { rsv: '100', preview: /^compressed from 1,300 to \d+ bytes, [\d.]+%: / })
    }
    await frame(page, 'out', 1).click()
    t.match(await page.locator('#inspector-body').textContent(), /The message was compressed from 1,300 to \d+ bytes/)
    t.match(await fieldsShown(page), { rsv1: '1' })
  })

  testPage('connects by itself and shows the request', async (t, page) => {
    t.equal(await page.locator('#url').inputValue(), `ws://${host}/echo`)
    t.equal(await page.title(), 'wirewright playground')
    await page.locator('#inspector-body[data-kind="handshake"]').waitFor()
    t.match(await page.locator('#request .request-line').textContent(), /^GET \/echo\?trace=[0-9a-f]{32} HTTP\/1\.1$/)
    const header = (name: string) => page.locator('#request tr', { hasText: name }).locator('code').textContent()
    t.equal(await header('Origin'), `http://${host}`)
    t.match(await header('Sec-WebSocket-Key'), /^[\w+/]{22}==$/)
  })

  testPage('shows each frame of a text message, in and out, bit by bit', async (t, page) => {
    const text = 'Grüße, 世界'
    const payload = Buffer.from(text)
    await page.locator('#text').fill(text)
    await page.locator('#send').click()

    const sent = frame(page, 'in', 1)
    t.match(await cells(sent), {
      fin: '1',
      rsv: '000',
      mask: /^[0-9a-f]{8}$/,
      length: `${payload.length} B`,
      preview: text,
    })
    const { mask: key = '' } = await cells(sent)
    await sent.click()
    const fields = await fieldsShown(page)
    t.match(fields, {
      fin: '1',
      rsv1: '0',
      opcode: '0x1 text',
      mask: '1',
      length: `${payload.length}`,
      extended: undefined,
    })
    t.equal(fields.key?.replaceAll(' ', ''), key)
    t.equal(await page.locator('#decoded').textContent(), text)
    t.equal(await bytesShown(page), payload.toString('hex'))
    await chooseWholeFrame(page)
    const masked = Buffer.from(
      payload.map((byte, i) => byte ^ Number.parseInt(key.slice((i % 4) * 2, (i % 4) * 2 + 2), 16)),
    )
    t.equal(await bytesShown(page), `81${hexByte(0x80 + payload.length)}${key}${masked.toString('hex')}`)

    const back = frame(page, 'out', 1)
    t.match(await cells(back), { fin: '1', rsv: '000', mask: '0', length: `${payload.length} B`, preview: text })
    await back.click()
    t.match(await fieldsShown(page), { mask: '0', key: undefined })
    t.equal(await bytesShown(page), `81${hexByte(payload.length)}${payload.toString('hex')}`)
  })

  testPage('shows bytes as bytes, and each way to write a length', async (t, page) => {
    await page.locator('label:has(#compose-hex)').click()
    await page.locator('#hex').fill('00 ff 80 0a')
    await page.locator('#hex').press('Enter')
    const sent = frame(page, 'in', 2)
    t.match(await cells(sent), { fin: '1', length: '4 B', preview: '00 ff 80 0a' })
    await sent.click()
    t.match(await fieldsShown(page), { opcode: '0x2 binary', length: '4' })
    t.equal(await bytesShown(page), '00ff800a')

    const table = [
      ['empty', '0 B', { length: '0', extended: undefined }],
      ['125', '125 B', { length: '125', extended: undefined }],
      ['126', '126 B', { length: '126', extended: '126' }],
      ['64k', '65,536 B', { length: '127', extended: '65,536' }],
    ] as const
    for (const [sample, length, fields] of table) {
      await page.locator('#clear').click()
      await page.locator(`[data-sample="${sample}"]`).click()
      const back = frame(page, 'out', 1)
      t.match(await cells(back), { length }, sample)
      await back.click()
      t.match(await fieldsShown(page), fields)
    }
  })

  testPage('a ping shows its round trip', async (t, page) => {
    await page.locator('#ping').click()
    await page.getByText(/^\d[\d.,]* ms from ping to pong$/).waitFor()
    await page.locator('#rtt-ping-count').getByText('1', { exact: true }).waitFor()
    t.match(await page.locator('#rtt-ping-last').textContent(), /^\d/)
    const [ping, pong] = [await cells(frame(page, 'out', 9)), await cells(frame(page, 'in', 10))]
    t.equal(pong.preview, ping.preview, 'the pong carries what the ping did')
    t.match([ping, pong], [{ mask: '0' }, { mask: /^[0-9a-f]{8}$/ }])
  })

  testPage('round trips are measured over and over, and drawn', async (t, page) => {
    await page.locator('#auto').check()
    await page.locator('#rtt-echo-count').getByText('2', { exact: true }).waitFor()
    await page.locator('#rtt-empty').waitFor({ state: 'hidden' })
    t.ok((await page.locator('#rtt-chart path, #rtt-chart circle, #rtt-chart polyline').count()) > 0)
    t.match(await page.locator('#rtt-summary').textContent(), /round trips? by echo.*round trips? by ping/)
    await page.locator('#auto').uncheck()
    t.equal(await page.locator('#frames [data-kind="frame"]:visible').count(), 0, 'their frames are hidden')
  })

  testPage('the server sends, whole and in fragments', async (t, page) => {
    await page.locator('#server-text').fill('cut in pieces')
    await page.locator('#pieces').fill('3')
    await page.locator('#server-send').click()
    await page.locator('#frames [data-direction="out"] .preview', { hasText: 'last' }).waitFor()
    const pieces = await page.locator('#frames [data-kind="frame"][data-direction="out"]').all()
    const seen = await Promise.all(pieces.map(cells))
    t.same(
      seen.map(({ fin }) => fin),
      seen.map((_, i) => (i === seen.length - 1 ? '1' : '0')),
      'FIN is on the last one',
    )
    t.match(seen[0]?.opcode, /^text/)
    for (const { opcode } of seen.slice(1)) t.match(opcode, /^continuation/)
    await pieces.at(-1)?.click()
    t.equal(await page.locator('#decoded-message').textContent(), 'cut in pieces')
  })

  testPage('closing from either side shows code, reason and who', async (t, page) => {
    const table = [
      ['browser', '4001', 'bye now', 'Private use', 'the browser'],
      ['server', '1012', 'back soon', 'Service restart', 'the server'],
    ] as const
    for (const [side, code, reason, name, who] of table) {
      await page.locator(`label:has(#closer-${side})`).click()
      await page.locator('#close-code').fill(code)
      await page.locator('#close-reason').fill(reason)
      await page.locator('#close').click()
      await page.locator('#connection[data-state="closed"]').waitFor()
      const record = page.locator('#close-record')
      await record.getByText(who, { exact: true }).waitFor()
      const words = String(await record.textContent())
      for (const part of [`${code} ${name}`, reason, 'yes, with the closing handshake'])
        t.ok(words.includes(part), part)
      await page.locator('#frames [data-kind="closed"]').getByText(`${code} ${name}`).waitFor()
      const closeFrames = await Promise.all([frame(page, 'in', 8), frame(page, 'out', 8)].map(cells))
      t.match(closeFrames, [{ preview: `${code} ${name} · ${reason}` }, { preview: `${code} ${name} · ${reason}` }])
      t.ok(await page.locator('#send').isDisabled())

      await page.locator('#clear').click()
      await page.locator('#connect-toggle').click()
      await untilOpen(page)
    }
  })

  testPage('what may not be sent in a Close frame is refused in words, and the connection stays', async (t, page) => {
    for (const [side, code] of [
      ['browser', '1001'],
      ['server', '1005'],
      ['server', 'abc'],
    ]) {
      await page.locator(`label:has(#closer-${side})`).click()
      await page.locator('#close-code').fill(`${code}`)
      await page.locator('#close').click()
      await page.locator('#close-error').waitFor()
      t.match(await page.locator('#close-error').textContent(), /code/i, `${code} from the ${side}`)
      t.equal(await page.locator('#connection').getAttribute('data-state'), 'open')
    }
  })

  testPage('everything can be done with the keyboard', async (t, page) => {
    await page.keyboard.press('/')
    await page.keyboard.type('typed')
    await page.keyboard.press('Enter')
    await frame(page, 'out', 1).waitFor()
    await page.locator('#frames').focus()
    await page.keyboard.press('End')
    t.match(await page.locator('#frames [aria-selected="true"]').getAttribute('aria-label'), /server to browser/)
    await page.keyboard.press('ArrowUp')
    const selected = page.locator('#frames [aria-selected="true"]')
    t.match(await selected.getAttribute('aria-label'), /^Text frame, browser to server, 5 bytes/)
    t.equal(await page.locator('#frames').getAttribute('aria-activedescendant'), await selected.getAttribute('id'))
    await page.keyboard.press('?')
    await page.locator('#shortcuts[open]').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('#shortcuts[open]').waitFor({ state: 'detached' })
    await page.keyboard.press('p')
    await page.getByText(/ms from ping to pong/).waitFor()
  })

  testPage('each panel has an address, and connects when it is looked at', async (t, page) => {
    const tab = (name: string) => page.locator('.transports a', { hasText: name })
    t.equal(await tab('WebSocket').getAttribute('aria-current'), 'page')
    t.equal(await page.locator('#stream').getAttribute('data-state'), 'idle', 'the other one waits')
    await tab('Event stream').click()
    await untilStreamOpen(page)
    t.match(page.url(), /#event-stream$/)
    t.equal(await tab('WebSocket').getAttribute('aria-current'), null)
    t.equal(await tab('Event stream').getAttribute('aria-current'), 'page')
    t.ok(await page.locator('#websocket').isHidden())
    await page.goBack()
    await page.locator('#websocket').waitFor()
    t.ok(await page.locator('#event-stream').isHidden())
    await page.keyboard.press('2')
    await page.locator('#event-stream').waitFor()
    t.equal(await page.evaluate<number>('scrollY'), 0)
    await page.keyboard.press('1')
    await page.locator('#websocket').waitFor()
    t.equal(await page.locator('#connection').getAttribute('data-state'), 'open', 'it has stayed connected')
    await page.evaluate("location.hash = '#text'")
    t.ok(await page.locator('#websocket').isVisible(), 'any other hash changes nothing')
  })

  testStreamPage('shows events as they come, and how they went over the wire', async (t, page) => {
    await event(page, 5).waitFor()
    t.same(await eventIds(page), [1, 2, 3, 4, 5])
    t.equal(await page.locator('#events [data-replayed="true"]').count(), 0)
    t.equal(await event(page, 3).locator('.type').textContent(), 'message')
    await event(page, 3).click()
    t.match(await wireShown(page), /^: .*\nid: 3\ndata: (.*)\ndata: (.*)\ndata: (.*)\n\n$/)
    t.match(await page.locator('#event-data').textContent(), /^.+\n.+\n.+$/)
    await event(page, 5).click()
    t.equal(await wireShown(page), 'event: greeting\nid: 5\ndata: Grüße, 世界! 🌍\n\n')
    t.equal(await page.locator('#event-data').textContent(), 'Grüße, 世界! 🌍')
    await page.locator('#events [data-event="hello"]').click()
    const [, data = ''] = /^event: hello\ndata: (.*)\n\n$/.exec(await wireShown(page)) ?? []
    t.match(JSON.parse(data), { connection: 1, lastEventId: '', replays: 0 })
  })

  testStreamPage('dropped, it comes back with what was missed: none missing, none twice', async (t, page) => {
    await event(page, 2).waitFor()
    await page.locator('#drop').click()
    await page.locator('#events [data-kind="end"]').waitFor()
    const last = Math.max(...(await eventIds(page)))
    const again = page.locator('#events [data-kind="request"]', { hasText: `Last-Event-ID: ${last}` })
    const [, replays] = /200 OK, (\d+) events? to replay/.exec(String(await again.textContent())) ?? []
    await event(page, last + Number(replays) + 1).waitFor()
    await untilStreamOpen(page)

    const ids = await eventIds(page)
    t.same(
      ids,
      ids.map((_, i) => i + 1),
    )
    t.same(
      await eventIds(page, '[data-replayed="true"]'),
      Array.from({ length: Number(replays) }, (_, i) => last + 1 + i),
      'replayed are those behind the last one',
    )
    t.match(await event(page, last + 1).textContent(), /replayed\d+\.\d s/, 'late')
    t.match(await event(page, last).textContent(), /live/)
    t.equal(await page.locator('#count-missing').textContent(), '0')
    t.equal(await page.locator('#count-reconnections').textContent(), '1')
    t.equal(await page.locator('#count-replayed').textContent(), replays)

    const story = await page.locator('#events > *').evaluateAll(rows => rows.map(row => row.textContent ?? ''))
    const at = story.findIndex(words => words.includes('Connection lost'))
    t.match(story[at], /the server cut it/)
    t.match(story[at + 1], `Last-Event-ID: ${last}200 OK, ${replays} event`)
    t.match(story[at + 2], /hello/)
    await page.locator('#events [data-kind="request"]').last().click()
    t.equal(await page.locator('#event-body [data-name="last-event-id"] code').textContent(), `${last}`)
    t.same(await overflows(page), [], 'all of it fits small and large screens')
    await event(page, last).click()
    t.same(await overflows(page), [])
  })

  testStreamPage('ended in good order it comes back as well; after a 204 it does not', async (t, page) => {
    await page.locator('#retry label', { hasText: '0.5 s' }).click()
    await page.locator('#events [data-kind="field"]', { hasText: 'retry: 500' }).waitFor()
    await page.locator('#end').click()
    await page.locator('#events [data-kind="end"]', { hasText: 'the server ended it' }).waitFor()
    await untilStreamOpen(page)
    await page.locator('#events [data-event="hello"]').nth(1).waitFor()
    await page.locator('#stop').click()
    await page.locator('#stream[data-state="closed"]').waitFor()
    await page.locator('#stream-detail', { hasText: '204 No Content' }).waitFor()
    const requests = page.locator('#events [data-kind="request"]')
    t.equal(await requests.count(), 3)
    await page.waitForTimeout(1500)
    t.equal(await requests.count(), 3, 'it does not ask again')
    t.equal(await page.locator('#drop').getAttribute('aria-disabled'), 'true')
    await page.locator('#stream-toggle').click()
    await untilStreamOpen(page)
    await event(page, 1).first().waitFor()
  })

  testStreamPage('closed by the page it stays closed', async (t, page) => {
    await event(page, 1).waitFor()
    await page.locator('#stream-toggle').click()
    await page.locator('#stream[data-state="closed"]').waitFor()
    t.equal(await page.locator('#stream-detail').textContent(), 'By this page')
    await page.locator('#events [data-kind="end"]', { hasText: 'by this page' }).waitFor()
    t.equal(await page.locator('#events [data-kind="end"]').count(), 1)
    await page.locator('#events-clear').click()
    t.equal(await page.locator('#events > *').count(), 0)
  })

  testStreamPage('events can be walked through with the keyboard, and the connection dropped', async (t, page) => {
    await event(page, 2).waitFor()
    await page.keyboard.press('f')
    await page.keyboard.press('Home')
    const selected = page.locator('#events [aria-selected="true"]')
    t.match(await selected.getAttribute('aria-label'), /^Request, 200 OK/)
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    t.match(await selected.getAttribute('aria-label'), /^Event time, ID 1, 2\d{3}-/)
    t.equal(await page.locator('#events').getAttribute('aria-activedescendant'), await selected.getAttribute('id'))
    await page.keyboard.press('d')
    await page.locator('#stream[data-state="waiting"]').waitFor()
    await page.keyboard.press('?')
    t.ok(await page.locator('#shortcuts').getByText('drop the connection').isVisible())
    t.ok(await page.locator('#shortcuts').getByText('to the frames').isHidden())
  })

  t.test('a server that goes away and comes back finds the page waiting', async t => {
    const first = await startServe(t, '-p', '0')
    const context = await browser.newContext()
    t.teardown(() => context.close())
    const page = await context.newPage()
    const errors: string[] = []
    page.on('pageerror', error => errors.push(String(error)))
    await page.goto(`http://${first.host}/#event-stream`)
    await event(page, 2).waitFor()
    first.run.child.kill('SIGKILL')
    await page.locator('#stream[data-state="waiting"]').waitFor()
    await page.locator('#events [data-kind="failed"]', { hasText: /tried ([2-9]|\d\d+) times/ }).waitFor()
    t.equal(await page.locator('#events [data-kind="failed"]').count(), 1, 'one row, that counts')
    await startServe(t, '-p', `${first.port}`)
    await untilStreamOpen(page)
    await page.locator('#events [data-kind="request"]', { hasText: 'does not know' }).waitFor()
    await page.locator('#drop[aria-disabled="false"]').waitFor()
    await page.locator('#drop').click()
    await page.locator('#events [data-kind="end"]', { hasText: 'the server cut it' }).waitFor()
    await untilStreamOpen(page)
    t.same(errors, [])
  })

  testPage('fits the width of small and of large screens', async (t, page) => {
    t.same(await overflows(page), [])
    await page.locator('[data-sample="64k"]').click()
    await frame(page, 'out', 1).click()
    t.same(await overflows(page), [], 'with a frame')
    await page.locator('#close').click()
    await page.locator('#connection[data-state="closed"]').waitFor()
    t.same(await overflows(page), [], 'with a close record')
  })

  testPage('is light or dark as the system is, until one chooses', async (t, page) => {
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme })
      t.equal(await shade(page), colorScheme)
    }
    t.equal(await page.locator('html').getAttribute('data-theme'), null)
    for (const choice of ['light', 'dark']) {
      await page.locator('#theme').click()
      t.equal(await page.locator('html').getAttribute('data-theme'), choice)
      t.equal(await shade(page), choice)
    }
    await page.reload()
    t.equal(await shade(page), 'dark', 'the choice is remembered')
    await page.locator('#theme').click()
    t.equal(await shade(page), 'light', 'and can be taken back')
  })

  testPage('says so when the server goes away', async (t, page) => {
    run.child.kill('SIGTERM')
    await page.locator('#connection[data-state="closed"]').waitFor()
    await page.locator('#close-record').getByText('1001 Going away').waitFor()
    t.equal((await within(run.ended)).code, 0)
  })
})

async function untilOpen(page: Page): Promise<void> {
  await page.locator('#connection[data-state="open"][data-watching="true"]').waitFor()
}

async function untilStreamOpen(page: Page): Promise<void> {
  await page.locator('#stream[data-state="open"]').waitFor()
}

/** The row of the event with that ID. */
function event(page: Page, id: number): Locator {
  return page.locator(`#events [data-event-id="${id}"]`)
}

async function eventIds(page: Page, which = ''): Promise<number[]> {
  const rows = page.locator(`#events [data-event-id]:not([data-event-id=""])${which}`)
  return rows.evaluateAll(rows => rows.map(row => Number(row.getAttribute('data-event-id'))))
}

/** The text of the selected event as it went over the wire. */
async function wireShown(page: Page): Promise<string> {
  const lines = await page.locator('.wire code').allTextContents()
  return lines.map(line => line.replace(/↵$/, '\n')).join('')
}

/** By how many pixels the page is too wide, and at which widths. */
async function overflows(page: Page): Promise<unknown[]> {
  const seen: unknown[] = []
  for (const width of [1440, 768, 360, 320]) {
    await page.setViewportSize({ width, height: 740 })
    const pixels = await page.evaluate<number>(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    )
    if (pixels > 0) seen.push([width, pixels])
  }
  return seen
}

/** Whether the page's background is nearer to white or to black. */
async function shade(page: Page): Promise<'light' | 'dark'> {
  const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
  const [red = 0, green = 0, blue = 0] = Array.from(background.matchAll(/[\d.]+/g), Number)
  return red + green + blue > 3 * 127 ? 'light' : 'dark'
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

/** The first row for a frame of that direction and opcode; what is done with it waits until it is there. */
function frame(page: Page, direction: 'in' | 'out', opcode: number): Locator {
  return page.locator(`#frames [data-kind="frame"][data-direction="${direction}"][data-opcode="${opcode}"]`).first()
}

type Cell = 'fin' | 'rsv' | 'opcode' | 'mask' | 'length' | 'preview'

async function cells(row: Locator): Promise<Record<Cell, string>> {
  await row.waitFor()
  const names = ['fin', 'rsv', 'opcode', 'mask', 'length', 'preview'] as const
  const texts = await Promise.all(names.map(name => row.locator(`.${name}`).textContent()))
  return Object.fromEntries(names.map((name, i) => [name, texts[i]])) as Record<Cell, string>
}

/** The table "Field by field": values by field. */
async function fieldsShown(page: Page): Promise<Record<string, string | undefined>> {
  const rows = await page.locator('#fields tbody tr').all()
  const pairs = rows.map(async row => [
    await row.getAttribute('data-field'),
    await row.locator('.value-column').textContent(),
  ])
  return Object.fromEntries(await Promise.all(pairs))
}

/** The bytes of the dump, in hex. */
async function bytesShown(page: Page): Promise<string> {
  const bytes = await page.locator('#hexdump .line > .byte').allTextContents()
  return bytes.join('')
}

async function chooseWholeFrame(page: Page): Promise<void> {
  await page.locator('#bytes label', { hasText: 'Whole frame' }).click()
}
