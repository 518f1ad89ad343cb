/** Redirects: which statuses are some, what another origin is, and what does not go there. */
import t from 'tap'
import { isRedirect, isSameOrigin, withoutCredentials } from '../../lib/transport/redirects.ts'

t.test('the statuses that name another place', async t => {
  const found = Array.from({ length: 600 }, (_, status) => status).filter(isRedirect)
  t.same(found, [301, 302, 303, 307, 308])
})

t.test('an origin is scheme, host and port', async t => {
  const pairs = [
    ['http://a/x', 'http://a/y?z', true],
    ['http://a/', 'http://A:80/', true],
    ['https://a/', 'https://a:443/', true],
    ['http://u:p@a/', 'http://a/', true],
    ['http://a/', 'https://a/', false],
    ['http://a:443/', 'https://a/', false],
    ['http://a/', 'http://a:81/', false],
    ['http://a/', 'http://b.a/', false],
    ['http://127.0.0.1/', 'http://localhost/', false],
  ] as const
  const wrong = pairs.filter(([one, other, isSame]) => isSameOrigin(new URL(one), new URL(other)) !== isSame)
  t.same(wrong, [])
})

t.test('what says who the user is stays behind, and nothing else', async t => {
  const headers = {
    Authorization: 'a',
    COOKIE: ['b', 'c'],
    'proxy-authorization': 'd',
    hOST: 'e',
    Accept: 'f',
    'X-Cookie': 'g',
    ['__proto__']: 'h',
  }
  const tls = {
    ca: 'ca',
    rejectUnauthorized: false,
    cert: 'cert',
    key: 'key',
    pfx: 'pfx',
    passphrase: 'passphrase',
    servername: 'servername',
    session: Buffer.alloc(1),
  }
  const left = withoutCredentials({ headers, tls, socketPath: '/socket', more: 1 })
  t.same(Object.entries(left.headers), [
    ['Accept', 'f'],
    ['X-Cookie', 'g'],
    ['__proto__', 'h'],
  ])
  t.same(left.tls, { ca: 'ca', rejectUnauthorized: false })
  t.equal(left.socketPath, undefined)
  t.equal(left.more, 1)
  t.equal(headers.Authorization, 'a', 'what was given is as it was')
})
