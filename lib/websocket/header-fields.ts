/**
 * HTTP fields (RFC 9110 §5): what may be in a name and a value, the lists that the opening handshake reads, and
 * the extension list of RFC 6455 §9.1.
 *
 *     extension-list  = 1#extension
 *     extension       = extension-token *( ";" extension-param )
 *     extension-param = token [ "=" (token | quoted-string) ]
 *
 * Everything is read by one scanner that only moves forward: time is linear in the length of the value whatever
 * is in it, and no text is ever tried twice. Names and values that come from outside never become keys of an
 * object with a prototype.
 *
 * Knows nothing of what the fields mean; that is handshake.ts.
 */
import { type ArgumentErrorCode, argumentError } from '../errors.ts'

/** Header fields as a caller gives them; an array is a field that is sent once for each of its values. */
export type HeaderFields = Readonly<Record<string, string | readonly string[]>>

/** One element of Sec-WebSocket-Extensions. A list of pairs, so that a parameter given twice stays visible. */
export interface Extension {
  readonly name: string
  /** In the order they came; the value is undefined for a parameter without "=". */
  readonly parameters: readonly (readonly [name: string, value: string | undefined])[]
}

const HTAB = 0x09
const SP = 0x20

/** RFC 9110 §5.6.2: "tchar", by character code. */
const TCHAR = new Uint8Array(256)
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TCHAR[char.charCodeAt(0)] = 1
}

/** Where the run of tchar that begins at `start` ends. */
function tokenEnd(text: string, start: number): number {
  let end = start
  while (end < text.length && TCHAR[text.charCodeAt(end)] === 1) end++
  return end
}

/** RFC 9110 §5.6.2: "token = 1*tchar". */
export function isToken(text: string): boolean {
  return text !== '' && tokenEnd(text, 0) === text.length
}

/**
 * Whether `text` can be written as a field value (RFC 9110 §5.5): no CR, LF, NUL or other control character but
 * HTAB, nothing above U+00FF. Whitespace around the value is let through; a recipient takes it off again.
 */
export function isFieldValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text)
}

/**
 * The fields of `headers` as a list to write out. Throws a TypeError that names the field, never its value: code
 * `ERR_INVALID_HTTP_TOKEN` for a name, `ERR_INVALID_CHAR` for a value, `ERR_INVALID_ARG_TYPE` for a value that
 * is not a string.
 */
export function checkHeaders(headers: HeaderFields): [name: string, value: string][] {
  const fields: [string, string][] = []
  for (const [name, given] of Object.entries(headers)) {
    // §5.1: "field-name = token"
    if (!isToken(name)) throw invalid(name, 'is not a token', 'ERR_INVALID_HTTP_TOKEN')
    for (const value of Array.isArray(given) ? given : [given]) {
      if (typeof value !== 'string') throw invalid(name, 'is not a string', 'ERR_INVALID_ARG_TYPE')
      // §5.5: "Field values containing CR, LF, or NUL characters are invalid and dangerous"
      if (!isFieldValue(value)) throw invalid(name, 'has an invalid character', 'ERR_INVALID_CHAR')
      fields.push([name, value])
    }
  }
  return fields
}

function invalid(name: string, words: string, code: ArgumentErrorCode): TypeError {
  return argumentError(code, `header ${JSON.stringify(name)} ${words}`)
}

/** The values of all fields of that name in a flat list of names and values, in the order they came. */
export function fieldValues(rawHeaders: readonly string[], lowerCaseName: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    // §5.1: "Field names are case-insensitive"
    if (name.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) {
      values.push(rawHeaders[i + 1] as string)
    }
  }
  return values
}

/** The value of a field that has to come exactly once; undefined when it is absent or repeated. */
export function singleValue(rawHeaders: readonly string[], lowerCaseName: string): string | undefined {
  const values = fieldValues(rawHeaders, lowerCaseName)
  return values.length === 1 ? values[0] : undefined
}

/** The value of a list field, which may be spread over several lines (§5.3); undefined when it is absent. */
export function combinedValue(rawHeaders: readonly string[], lowerCaseName: string): string | undefined {
  const values = fieldValues(rawHeaders, lowerCaseName)
  return values.length === 0 ? undefined : values.join(', ')
}

/** Reads `1#token`, as in Connection and Sec-WebSocket-Protocol; undefined when it is malformed. */
export function parseTokenList(value: string): string[] | undefined {
  return parseList(value, scanner => scanner.token())
}

/** Reads Upgrade, `1#( protocol-name [ "/" protocol-version ] )` (§7.8); undefined when it is malformed. */
export function parseUpgrade(value: string): string[] | undefined {
  return parseList(value, scanner => {
    const name = scanner.token()
    if (name === undefined || !scanner.take('/')) return name
    const version = scanner.token()
    return version === undefined ? undefined : `${name}/${version}`
  })
}

/** Reads Sec-WebSocket-Extensions (RFC 6455 §9.1); undefined when it is malformed. */
export function parseExtensions(value: string): Extension[] | undefined {
  return parseList(value, scanner => {
    const name = scanner.token()
    if (name === undefined) return undefined
    const parameters: [string, string | undefined][] = []
    while (scanner.take(';')) {
      const parameter = scanner.token()
      if (parameter === undefined) return undefined
      if (scanner.take('=')) {
        const argument = scanner.take('"') ? scanner.quotedToken() : scanner.token()
        if (argument === undefined) return undefined
        parameters.push([parameter, argument])
      } else {
        parameters.push([parameter, undefined])
      }
    }
    return { name, parameters }
  })
}

/** Writes Sec-WebSocket-Extensions. Throws a TypeError for what is not a token: it could forge the field. */
export function formatExtensions(extensions: readonly Extension[]): string {
  const token = (text: string) => {
    if (isToken(text)) return text
    throw invalid('Sec-WebSocket-Extensions', 'has a part that is not a token', 'ERR_INVALID_HTTP_TOKEN')
  }
  return extensions
    .map(({ name, parameters }) =>
      [
        token(name),
        ...parameters.map(([parameter, value]) =>
          value === undefined ? token(parameter) : `${token(parameter)}=${token(value)}`,
        ),
      ].join('; '),
    )
    .join(', ')
}

/** Reads `1#element`; `element` returns undefined for what is malformed. */
function parseList<T>(value: string, element: (scanner: FieldScanner) => T | undefined): T[] | undefined {
  const scanner = new FieldScanner(value)
  const elements: T[] = []
  do {
    // RFC 9110 §5.6.1.2: "A recipient MUST parse and ignore a reasonable number of empty list elements"
    if (scanner.atEmptyElement()) continue
    const found = element(scanner)
    if (found === undefined) return undefined
    elements.push(found)
  } while (scanner.take(','))
  // §5.6.1.2: "at least one non-empty element is required"
  return scanner.atEnd() && elements.length > 0 ? elements : undefined
}

/** A position in a field value. Whitespace before each piece is skipped: the "implied *LWS rule" of RFC 6455 §9.1. */
class FieldScanner {
  readonly #value: string
  #position = 0

  constructor(value: string) {
    this.#value = value
  }

  atEnd(): boolean {
    return this.#skipWhitespace() === this.#value.length
  }

  atEmptyElement(): boolean {
    return this.atEnd() || this.#value[this.#position] === ','
  }

  /** Steps over `char` if it is what comes next. */
  take(char: ',' | ';' | '=' | '/' | '"'): boolean {
    if (this.#value[this.#skipWhitespace()] !== char) return false
    this.#position++
    return true
  }

  token(): string | undefined {
    const start = this.#skipWhitespace()
    this.#position = tokenEnd(this.#value, start)
    return this.#position === start ? undefined : this.#value.slice(start, this.#position)
  }

  /** A quoted-string (RFC 9110 §5.6.4) behind its opening quote. */
  quotedToken(): string | undefined {
    let text = ''
    while (this.#position < this.#value.length) {
      let char = this.#value[this.#position++] as string
      if (char === '"') return text === '' ? undefined : text
      // quoted-pair = "\" ( HTAB / SP / VCHAR / obs-text )
      if (char === '\\') char = this.#value[this.#position++] ?? ''
      // RFC 6455 §9.1: "the value after quoted-string unescaping MUST conform to the 'token' ABNF"
      if (!isToken(char)) return undefined
      text += char
    }
    return undefined
  }

  #skipWhitespace(): number {
    for (;;) {
      const code = this.#value.charCodeAt(this.#position)
      if (code !== SP && code !== HTAB) return this.#position
      this.#position++
    }
  }
}
