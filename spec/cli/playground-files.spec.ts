/** The playground's files: each is served as what it is, under a policy that all of them keep. */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { readPlayground } from '../../lib/cli/playground-files.ts'

const FOLDER = new URL('lib/cli/playground/', import.meta.resolve('wirewright/package.json'))
const NAMES = readdirSync(FOLDER)
const files = readPlayground()

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

function text(name: string): string {
  return readFileSync(new URL(name, FOLDER), 'utf8')
}

t.test('every file of the folder is there, with its type', async t => {
  for (const name of NAMES) {
    const answer = files(`/${name}`)
    t.equal(answer?.status, 200, name)
    t.equal(answer?.body, text(name))
    t.match(answer?.headers, {
      'Content-Type': TYPES[name.split('.').at(-1) ?? ''],
      'X-Content-Type-Options': 'nosniff',
    })
  }
  t.same(files('/'), files('/index.html'))
})

t.test('nothing else is', async t => {
  const paths = [
    '',
    '/index',
    '/INDEX.HTML',
    '/app.js/',
    '//app.js',
    '/./app.js',
    '/../playground-files.ts',
    '/..',
    '/.',
  ]
  const names = ['constructor', '__proto__', 'toString', 'app.ts', 'favicon.ico', '%61pp.js', 'app.js?', 'app.js\0']
  t.same(
    [...paths, ...names.map(name => `/${name}`), ...NAMES].filter(path => files(path) !== undefined),
    [],
  )
})

t.test('the policy lets nothing in that is not from here, and the page stand in no frame', async t => {
  const policies = new Set(NAMES.map(name => String(files(`/${name}`)?.headers?.['Content-Security-Policy'])))
  t.equal(policies.size, 1, 'it is the same for all')
  const [policy = ''] = policies
  const directives = new Map(policy.split('; ').map(directive => [directive.split(' ')[0], directive]))
  t.equal(directives.get('default-src'), "default-src 'self'")
  t.equal(directives.get('frame-ancestors'), "frame-ancestors 'none'")
  t.equal(directives.get('base-uri'), "base-uri 'none'")
  t.same([...directives.keys()].sort(), ['base-uri', 'connect-src', 'default-src', 'frame-ancestors'])
})

t.test('the page keeps that policy: no script or style within it, no event attribute', async t => {
  const html = text('index.html')
  t.notMatch(html, /<script(?![^>]* src=)/)
  t.notMatch(html, /<style|\sstyle=|\son\w+=|javascript:/)
})

t.test('all that the files name is there, and nothing is from elsewhere', async t => {
  const named: string[] = []
  const html = text('index.html')
  for (const [, target = ''] of html.matchAll(/\s(?:src|href)="([^"#][^"]*)"/g)) named.push(target)
  for (const name of NAMES.filter(name => name.endsWith('.js'))) {
    for (const [, target = ''] of text(name).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
      named.push(new URL(target, 'x:/').pathname)
    }
  }
  for (const [, target = ''] of text('style.css').matchAll(/url\(["']?([^"')]+)/g)) {
    named.push(new URL(target, 'x:/').pathname)
  }
  t.ok(named.length > 5)
  t.same(
    named.filter(target => files(target) === undefined),
    [],
  )
  const reached = new Set(['/index.html', ...named])
  t.same(
    NAMES.filter(name => !reached.has(`/${name}`)),
    [],
    'and no file lies there for nothing',
  )
})
