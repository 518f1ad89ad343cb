/** Interoperation with Python's websockets, which runs in a process of its own: client and server, both ways. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { findPython, needs } from '../support/programs.ts'
import { testBehaviours } from './behaviours.ts'
import { testHandshakes } from './handshakes.ts'
import type { Peer } from './peer.ts'
import { type Call, connectRemotely, listenRemotely } from './remote-peer.ts'

const SCRIPT = new URL('spec/interop/python-websockets.py', import.meta.resolve('wirewright/package.json'))
const PYTHON = findPython('websockets')

interface Reply {
  readonly number: number
  readonly result?: unknown
  readonly error?: string
}

function callsOn(child: ChildProcess): Call {
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  let count = 0
  createInterface({ input: child.stdout! }).on('line', line => {
    const { number, result, error } = JSON.parse(line) as Reply
    if (error === undefined) waiting.get(number)?.resolve(result)
    else waiting.get(number)?.reject(new Error(error))
    waiting.delete(number)
  })
  child.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('the Python process has ended'))
  })
  return (name, ...parameters) =>
    new Promise((resolve, reject) => {
      const number = count++
      waiting.set(number, { resolve, reject })
      child.stdin!.write(`${JSON.stringify({ number, name, parameters })}\n`)
    })
}

// Two processes that share the machine with other specs take their time over 16 MiB.
t.setTimeout(180_000)
t.test("Python's websockets", needs('python3-websockets', PYTHON), async t => {
  const child = spawn(PYTHON!, [fileURLToPath(SCRIPT)], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.stdin.end())
  const call = callsOn(child)
  const peer: Peer = {
    name: 'websockets',
    abilities: ['ping', 'fragments', 'drop', 'limit', 'compress', 'headers'],
    refused: status => new RegExp(`^InvalidStatusCode: server rejected WebSocket connection: HTTP ${status}$`),
    withoutSubprotocol: 'opens',
    connect: connectRemotely(call),
    listen: listenRemotely(call),
  }
  testBehaviours(t, peer)
  testHandshakes(t, peer)
})
