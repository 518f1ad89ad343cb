/** Interoperation with Python's http.server, as the server of our two clients, with bodies that end in both ways. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { findPython, needs } from '../support/programs.ts'
import { testEventStreamClients } from './event-stream-clients.ts'

const SCRIPT = new URL('spec/interop/python-event-stream.py', import.meta.resolve('wirewright/package.json'))
const PYTHON = findPython('http.server')

for (const framing of ['chunked', 'close']) {
  t.test(`Python's http.server, ${framing}`, needs('python3', PYTHON), async t => {
    const child = spawn(PYTHON!, [fileURLToPath(SCRIPT), framing], { stdio: ['pipe', 'pipe', 'inherit'] })
    t.teardown(() => child.stdin.end())
    const [port] = await once(createInterface({ input: child.stdout }), 'line')
    testEventStreamClients(t, `http://127.0.0.1:${port}`)
  })
}
