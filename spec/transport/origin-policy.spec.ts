/**
 * Which origins are admitted (S15): none, null, foreign ones, addresses, ports, letter case, suffixes, schemes, and
 * Origin sent twice. And that a list cannot hold an entry that would never match.
 */
import { TLSSocket } from 'node:tls'
import t from 'tap'
import { admitsOrigin, checkOriginPolicy, type OriginPolicy } from '../../lib/transport/origin-policy.ts'
import type { UpgradeRequest } from '../../lib/transport/upgrade-request.ts'

const TCP = {} as UpgradeRequest['socket']
const TLS = Object.create(TLSSocket.prototype) as UpgradeRequest['socket']

function request(host: string | undefined, origin: string | string[] | undefined, socket = TCP): UpgradeRequest {
  return { httpVersion: '1.1', headers: { host, origin }, rawHeaders: [], socket }
}

t.test('same-origin [6455-4.2.1-12, 6455-10.2-1]', async t => {
  const vectors: [
    host: string | undefined,
    origin: string | string[] | undefined,
    isAdmitted: boolean,
    why: string,
  ][] = [
    ['a.example', undefined, true, 'no browser'],
    ['a.example', 'http://a.example', true, 'the same'],
    ['a.example', 'https://a.example', true, 'a proxy may speak TLS for us'],
    ['a.example:8080', 'http://a.example:8080', true, 'the same port'],
    ['A.Example', 'http://a.example', true, 'hosts have no case'],
    ['a.example:80', 'http://a.example', true, 'the default port, written out'],
    ['a.example:443', 'https://a.example', true, 'the default port, written out'],
    ['127.0.0.1:1', 'http://127.0.0.1:1', true, 'IPv4'],
    ['[::1]:1', 'http://[::1]:1', true, 'IPv6'],
    ['[0:0::1]:1', 'http://[::1]:1', true, 'IPv6 in another spelling'],
    ['xn--bcher-kva.example', 'http://xn--bcher-kva.example', true, 'a name with other letters'],
    ['a.example', 'null', false, 'a sandboxed page, a file'],
    ['a.example', '', false, 'empty'],
    ['a.example', 'http://b.example', false, 'foreign'],
    ['a.example', 'http://a.example:8080', false, 'another port'],
    ['a.example:8080', 'http://a.example', false, 'another port'],
    ['a.example:443', 'http://a.example', false, "the other scheme's port"],
    ['a.example:80', 'https://a.example', false, "the other scheme's port"],
    ['a.example', 'http://a.example.evil.example', false, 'ours is a prefix'],
    ['a.example', 'http://evila.example', false, 'ours is a suffix'],
    ['a.example', 'http://sub.a.example', false, 'a subdomain'],
    ['sub.a.example', 'http://a.example', false, 'a parent domain'],
    ['a.example', 'http://a.example.', false, 'a dot behind'],
    ['a.example', 'http://A.example', false, 'no browser writes it so'],
    ['a.example', 'HTTP://a.example', false, 'no browser writes it so'],
    ['a.example', 'http://a.example/', false, 'no browser writes it so'],
    ['a.example', 'http://a.example:80', false, 'no browser writes it so'],
    ['a.example', 'http://user@a.example', false, 'not an origin'],
    ['a.example', 'http://a.example/path', false, 'not an origin'],
    ['a.example', 'http://evil.example/http://a.example', false, 'not an origin'],
    ['a.example', 'http://evil.example#@a.example', false, 'not an origin'],
    ['a.example', 'ftp://a.example', false, 'another scheme'],
    ['a.example', 'ws://a.example', false, 'another scheme'],
    ['a.example', 'file://a.example', false, 'another scheme'],
    ['a.example', 'chrome-extension://a.example', false, 'another scheme'],
    ['a.example', 'a.example', false, 'no scheme'],
    ['a.example', '//a.example', false, 'no scheme'],
    ['127.0.0.1', 'http://localhost', false, 'an address is not its name'],
    ['localhost', 'http://127.0.0.1', false, 'an address is not its name'],
    ['127.0.0.1', 'http://127.0.0.2', false, 'another address'],
    ['a.example', 'http://a.example, http://a.example', false, 'sent twice, joined'],
    ['a.example', 'http://a.example http://b.example', false, 'a list, RFC 6454 §7.1'],
    ['a.example', ['http://a.example', 'http://a.example'], false, 'sent twice'],
    [undefined, 'http://a.example', false, 'no Host'],
    ['', 'http://a.example', false, 'no Host'],
    ['a.example/', 'http://a.example', true, 'checkRequest refuses this Host before'],
    ['b.example@a.example', 'http://b.example', false, 'user information is not a host'],
  ]
  for (const [host, origin, isAdmitted, why] of vectors) {
    t.equal(admitsOrigin('same-origin', request(host, origin)), isAdmitted, `${host} ${origin}: ${why}`)
  }
})

t.test('same-origin where we speak TLS ourselves: the page must have come over it as well', async t => {
  t.equal(admitsOrigin('same-origin', request('a.example', 'https://a.example', TLS)), true)
  t.equal(admitsOrigin('same-origin', request('a.example', 'http://a.example', TLS)), false)
  t.equal(admitsOrigin('same-origin', request('a.example:443', 'http://a.example:443', TLS)), false)
  t.equal(admitsOrigin('same-origin', request('a.example', undefined, TLS)), true)
})

t.test('a list admits what is on it, letter by letter', async t => {
  const list = ['https://a.example', 'http://localhost:3000', 'https://[::1]']
  for (const origin of list) t.equal(admitsOrigin(list, request('b.example', origin)), true, origin)
  t.equal(admitsOrigin(list, request('b.example', undefined)), true, 'no browser')
  const foreign = ['null', '', 'http://a.example', 'https://a.example:443', 'https://a.example/', 'https://A.example']
  foreign.push(
    'https://a.example.evil.example',
    'https://sub.a.example',
    'http://localhost',
    'http://localhost:30001',
  )
  foreign.push('https://a.example, https://a.example', 'https://b.example')
  for (const origin of foreign) t.equal(admitsOrigin(list, request('b.example', origin)), false, origin)
  t.equal(admitsOrigin(list, request('b.example', ['https://a.example'])), false)
  t.equal(admitsOrigin([], request('b.example', 'http://b.example')), false, 'an empty list admits no page')
  t.equal(admitsOrigin([], request('b.example', undefined)), true)
})

t.test('a function decides alone, also over those without Origin', async t => {
  const calls: unknown[][] = []
  const policy: OriginPolicy = (...args) => {
    calls.push(args)
    return args[0] !== undefined
  }
  const foreign = request('a.example', 'null')
  const none = request('a.example', undefined)
  t.equal(admitsOrigin(policy, foreign), true)
  t.equal(admitsOrigin(policy, none), false)
  t.equal(calls[0]?.[0], 'null')
  t.equal(calls[0]?.[1], foreign)
  t.equal(calls[1]?.[0], undefined)
  t.equal(await admitsOrigin(async () => true, foreign), true)
  t.equal(
    admitsOrigin(() => t.fail('not an origin'), request('a.example', ['a', 'b'])),
    false,
  )
})

t.test('policies', async t => {
  const list = ['https://a.example', 'http://localhost:3000']
  const decide = () => true
  for (const policy of [undefined, 'same-origin', list, [], decide] as const) {
    t.equal(checkOriginPolicy(policy), policy)
  }
  for (const policy of ['any', '*', 'https://a.example', null, true, 1, {}, new Set(list)]) {
    const expected = { name: 'TypeError', message: /^origin / }
    t.throws(() => checkOriginPolicy(policy as unknown as OriginPolicy), expected, String(policy))
  }
  const entries: [entry: unknown, written: string | undefined][] = [
    ['https://a.example/', 'https://a.example'],
    ['https://A.example', 'https://a.example'],
    ['HTTPS://a.example', 'https://a.example'],
    ['https://a.example:443', 'https://a.example'],
    ['http://a.example:80', 'http://a.example'],
    ['https://a.example/path', 'https://a.example'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    [' https://a.example', 'https://a.example'],
    ['a.example', undefined],
    ['*', undefined],
    ['null', undefined],
    ['', undefined],
    ['ws://a.example', undefined],
    ['file://', undefined],
    ['a.example:443', undefined],
    [/a/, undefined],
    [null, undefined],
    [undefined, undefined],
  ]
  for (const [entry, written] of entries) {
    const words = written === undefined ? 'is not an origin' : `must be written "${written}"`
    const policy = ['https://a.example', entry] as string[]
    t.throws(() => checkOriginPolicy(policy), { name: 'TypeError', message: words }, String(entry))
  }
})
