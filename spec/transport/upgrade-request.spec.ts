/** The path that a request target names, in each of its forms (RFC 9112 §3.2). */
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { pathOf, type UpgradeRequest } from '../../lib/transport/upgrade-request.ts'

/** A node:http server's request is taken as it is. */
export const takesIncomingMessage: (request: IncomingMessage) => UpgradeRequest = request => request

const request = (target: { url?: string }) => target as UpgradeRequest

t.test('the path of a request target', async t => {
  const vectors: [url: string, path: string, clause: string][] = [
    ['/', '/', 'origin-form'],
    ['/chat', '/chat', 'origin-form'],
    ['/chat?a=1', '/chat', 'without the query'],
    ['/chat?a=1?b#c', '/chat', 'without the query'],
    ['/?', '/', 'an empty query'],
    ['/chat/', '/chat/', 'as it is'],
    ['/a/../b/./c', '/a/../b/./c', 'nothing is resolved'],
    ['/%63hat', '/%63hat', 'nothing is unescaped'],
    ['//evil.example/chat', '//evil.example/chat', 'two slashes are no authority'],
    ['/http://a/b', '/http://a/b', 'a path that looks like a URL'],
    ['http://a.example/chat?b', '/chat', 'absolute-form, §3.2.2'],
    ['ws://a.example/chat', '/chat', 'absolute-form'],
    ['http://a.example', '/', 'absolute-form without a path'],
    ['*', '*', 'asterisk-form'],
    ['', '', 'nothing'],
    ['chat', 'chat', 'not a target'],
    ['http://[', 'http://[', 'not a URL'],
  ]
  for (const [url, path, clause] of vectors) t.equal(pathOf(request({ url })), path, `${url}: ${clause}`)
  t.equal(pathOf(request({})), '/', 'an IncomingMessage may lack it')
})
