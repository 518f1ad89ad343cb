/**
 * The negotiation of permessage-deflate, RFC 7692 §7.1: every form of every parameter in an offer and in a response,
 * offers with fallback, and that whatever a server answers to an offer of ours is what both sides then hold.
 */
import t from 'tap'
import { type Extension, formatExtensions, parseExtensions } from '../../lib/websocket/header-fields.ts'
import {
  acceptDeflateOffer,
  checkDeflateResponse,
  type DeflateParameters,
  formatDeflateOffer,
} from '../../lib/websocket/permessage-deflate.ts'

/** All that the RFC allows. */
const FULL: DeflateParameters = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
}
const NAME = 'permessage-deflate'

const read = (field: string): Extension[] => parseExtensions(field) ?? []

/** What a server answers to the field; undefined for none. */
function answer(field: string, wanted: Partial<DeflateParameters> = {}): string | undefined {
  const accepted = acceptDeflateOffer(read(field), { ...FULL, ...wanted })
  return accepted === undefined ? undefined : formatExtensions([accepted.extension])
}

/** `4 letters and 2 numbers`: s, c for the takeovers that are kept, - for those that are not. */
function brief(parameters: DeflateParameters | undefined): string | undefined {
  if (parameters === undefined) return undefined
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = parameters
  const takeovers = `${serverNoContextTakeover ? '-' : 's'}${clientNoContextTakeover ? '-' : 'c'}`
  return `${takeovers} ${serverMaxWindowBits} ${clientMaxWindowBits}`
}

const VALUES = ['8', '9', '10', '11', '12', '13', '14', '15']
/** S6: none of these may reach zlib. `""` stands for an empty quoted-string, which is not a token at all. */
const NOT_VALUES = ['0', '7', '16', '1e9', '08', '015', '-8', '+9', '8x', 'x', '12.0', '0x0a', '99999999999999999999']
// [7692-7.1.1.1-1, 7692-7.1.1.1-2, 7692-7.1.2.1-2, 7692-7.1.2.2-2, 7692-7.1.2.2-3]
t.test('offers that a server accepts, with what it answers', async t => {
  // biome-ignore format: it is a table
  const table: [offer: string, wanted: Partial<DeflateParameters>, answer: string, agreed: string][] = [
    ['', {}, '', 'sc 15 15'],
    ['; server_no_context_takeover', {}, '; server_no_context_takeover', '-c 15 15'],
    ['; client_no_context_takeover', {}, '; client_no_context_takeover', 's- 15 15'],
    ['; client_max_window_bits', {}, '', 'sc 15 15'],
    ['; client_max_window_bits=15', {}, '', 'sc 15 15'],
    ['; client_max_window_bits=10', {}, '; client_max_window_bits=10', 'sc 15 10'],
    ['; client_max_window_bits="10"', {}, '; client_max_window_bits=10', 'sc 15 10'],
    ['; server_max_window_bits=15', {}, '; server_max_window_bits=15', 'sc 15 15'],
    ['; server_max_window_bits=8', {}, '; server_max_window_bits=8', 'sc 8 15'],
    ['; client_max_window_bits; server_max_window_bits=9; client_no_context_takeover; server_no_context_takeover', {},
      '; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9', '-- 9 15'],
    // The server wants less than it was offered.
    ['', { serverMaxWindowBits: 10 }, '; server_max_window_bits=10', 'sc 10 15'],
    ['; server_max_window_bits=12', { serverMaxWindowBits: 10 }, '; server_max_window_bits=10', 'sc 10 15'],
    ['; server_max_window_bits=9', { serverMaxWindowBits: 10 }, '; server_max_window_bits=9', 'sc 9 15'],
    ['; client_max_window_bits', { clientMaxWindowBits: 11 }, '; client_max_window_bits=11', 'sc 15 11'],
    ['; client_max_window_bits=9', { clientMaxWindowBits: 11 }, '; client_max_window_bits=9', 'sc 15 9'],
    ['; client_max_window_bits=12', { clientMaxWindowBits: 11 }, '; client_max_window_bits=11', 'sc 15 11'],
    ['', { serverNoContextTakeover: true }, '; server_no_context_takeover', '-c 15 15'],
    ['', { clientNoContextTakeover: true }, '; client_no_context_takeover', 's- 15 15'],
    // Its window cannot be limited, so it has to do without what would need one.
    ['', { clientMaxWindowBits: 11 }, '; client_no_context_takeover', 's- 15 15'],
  ]
  const wrong: unknown[] = []
  for (const [offer, wanted, expected, agreed] of table) {
    const given = answer(NAME + offer, wanted)
    const parameters = acceptDeflateOffer(read(NAME + offer), { ...FULL, ...wanted })?.parameters
    if (given !== NAME + expected || brief(parameters) !== agreed)
      wrong.push([offer, wanted, given, brief(parameters)])
  }
  t.same(wrong, [])
})

t.test('every value of the window bits, in offers and responses [7692-7.1.2.1-1, 7692-7.1.2.2-1]', async t => {
  const wrong: string[] = []
  for (const value of VALUES) {
    for (const name of ['server_max_window_bits', 'client_max_window_bits']) {
      const field = `${NAME}; ${name}=${value}`
      const bits = acceptDeflateOffer(read(field), FULL)?.parameters
      const agreed = name.startsWith('server') ? bits?.serverMaxWindowBits : bits?.clientMaxWindowBits
      if (agreed !== Number(value)) wrong.push(`offer of ${field}`)
      const check = checkDeflateResponse(read(field), FULL)
      const told = check.ok ? brief(check.parameters) : check.words
      if (told !== (name.startsWith('server') ? `sc ${value} 15` : `sc 15 ${value}`)) wrong.push(`response ${field}`)
    }
  }
  t.same(wrong, [])
})

/** §7.1: what declines an offer and fails a response alike. */
const BROKEN = [
  ...NOT_VALUES.flatMap(value => [`; server_max_window_bits=${value}`, `; client_max_window_bits=${value}`]),
  '; server_max_window_bits',
  '; server_no_context_takeover=1',
  '; server_no_context_takeover=true',
  '; client_no_context_takeover=0',
  '; server_no_context_takeover; server_no_context_takeover',
  '; client_no_context_takeover; client_no_context_takeover',
  '; server_max_window_bits=9; server_max_window_bits=9',
  '; client_max_window_bits=9; client_max_window_bits=10',
  '; unknown',
  '; client_max_window_bits=10; unknown=1',
  '; Server_no_context_takeover',
  '; mode=fast',
  // S2: names that every object has
  ...Object.getOwnPropertyNames(Object.prototype).flatMap(name => [`; ${name}`, `; ${name}=9`]),
]
// [6455-9.1-4, 7692-7-1..3, 7692-7-5..7, 7692-7.1.2.1-1, 7692-7.1.2.2-1]
t.test('offers that are declined, and responses that fail the handshake', async t => {
  t.same(
    BROKEN.filter(broken => answer(NAME + broken) !== undefined),
    [],
    'offers',
  )
  t.same(
    [...BROKEN, '; client_max_window_bits'].filter(broken => checkDeflateResponse(read(NAME + broken), FULL).ok),
    [],
    'responses',
  )
  t.equal(parseExtensions(`${NAME}; server_max_window_bits=""`), undefined, 'the field itself is malformed')
})

t.test('of several offers the first one that is valid counts [7692-7-4]', async t => {
  t.equal(
    answer(`${NAME}; server_max_window_bits=7, ${NAME}; server_max_window_bits=10, ${NAME}`),
    `${NAME}; server_max_window_bits=10`,
  )
  t.equal(answer(`x-other, ${NAME}; unknown, ${NAME}`), NAME)
  t.equal(answer(`x-other; server_max_window_bits=10, permessage-bzip2`), undefined)
  t.equal(answer(`Permessage-Deflate`), undefined)
  t.same(acceptDeflateOffer([], FULL), undefined)
})

t.test('what a client offers [6455-9.1-3, 6455-9.1-4, 7692-7.1.2.1-1, 7692-7.1.2.2-1]', async t => {
  // biome-ignore format: it is a table
  const table: [Partial<DeflateParameters>, string][] = [
    [{}, '; client_max_window_bits'],
    [{ serverNoContextTakeover: true }, '; server_no_context_takeover; client_max_window_bits'],
    [{ clientNoContextTakeover: true }, '; client_no_context_takeover; client_max_window_bits'],
    [{ serverMaxWindowBits: 9, clientMaxWindowBits: 10 }, '; server_max_window_bits=9; client_max_window_bits=10'],
  ]
  for (const [wanted, offer] of table) {
    t.equal(formatExtensions([formatDeflateOffer({ ...FULL, ...wanted })]), NAME + offer)
  }
})
// [7692-5.1-1, 7692-7-8, 7692-7.1.1.1-3, 7692-7.1.1.2-1, 7692-7.1.2.1-3]
t.test('responses to an offer that asked for something', async t => {
  // biome-ignore format: it is a table
  const table: [wanted: Partial<DeflateParameters>, response: string, agreed: string | RegExp][] = [
    [{ serverNoContextTakeover: true }, '; server_no_context_takeover', '-c 15 15'],
    [{ serverNoContextTakeover: true }, '', /no server_no_context_takeover/],
    [{ serverMaxWindowBits: 10 }, '; server_max_window_bits=10', 'sc 10 15'],
    [{ serverMaxWindowBits: 10 }, '; server_max_window_bits=8', 'sc 8 15'],
    [{ serverMaxWindowBits: 10 }, '; server_max_window_bits=11', /at most 10/],
    [{ serverMaxWindowBits: 10 }, '', /at most 10/],
    // What the client does itself needs nobody's leave.
    [{ clientNoContextTakeover: true }, '', 's- 15 15'],
    [{ clientMaxWindowBits: 10 }, '', 'sc 15 10'],
    [{ clientMaxWindowBits: 10 }, '; client_max_window_bits=12', 'sc 15 10'],
    [{ clientMaxWindowBits: 10 }, '; client_max_window_bits=9', 'sc 15 9'],
    // Nor is it a surprise to be asked for more than was offered.
    [{}, '; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=8', '-- 15 8'],
  ]
  for (const [wanted, response, agreed] of table) {
    const check = checkDeflateResponse(read(NAME + response), { ...FULL, ...wanted })
    const told = check.ok ? brief(check.parameters) : check.words
    t.match(told, agreed, response)
  }
  t.same(checkDeflateResponse([], FULL), { ok: true, parameters: undefined }, 'it may decline')
})

t.test('any client and any server agree on the same, and on no more than either wants [6455-9-2]', async t => {
  const wrong: unknown[] = []
  const all: DeflateParameters[] = []
  for (const serverNoContextTakeover of [false, true]) {
    for (const clientNoContextTakeover of [false, true]) {
      for (const serverMaxWindowBits of [8, 11, 15]) {
        for (const clientMaxWindowBits of [8, 11, 15]) {
          all.push({ serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits })
        }
      }
    }
  }
  for (const client of all) {
    for (const server of all) {
      const offer = read(formatExtensions([formatDeflateOffer(client)]))
      const accepted = acceptDeflateOffer(offer, server)
      const response = accepted === undefined ? [] : read(formatExtensions([accepted.extension]))
      const check = checkDeflateResponse(response, client)
      const expected = {
        serverNoContextTakeover: client.serverNoContextTakeover || server.serverNoContextTakeover,
        clientNoContextTakeover: client.clientNoContextTakeover || server.clientNoContextTakeover,
        serverMaxWindowBits: Math.min(client.serverMaxWindowBits, server.serverMaxWindowBits),
        clientMaxWindowBits: Math.min(client.clientMaxWindowBits, server.clientMaxWindowBits),
      }
      const told = check.ok ? brief(check.parameters) : check.words
      if (told !== brief(expected) || brief(accepted?.parameters) !== brief(expected))
        wrong.push([client, server, told])
    }
  }
  t.equal(all.length ** 2, 1296)
  t.same(wrong.slice(0, 3), [])
})
