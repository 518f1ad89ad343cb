/**
 * Certificates for specs, made at run time with node:crypto and a writer of DER that knows just what an X.509
 * certificate (RFC 5280 §4.1) needs: an authority, a certificate for this machine, and one for another host.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

export interface Credentials {
  /** PEM. */
  readonly cert: string
  /** PEM. */
  readonly key: string
}

export interface Certificates {
  /** The authority's certificate, which signs the others. PEM. */
  readonly ca: string
  /** For localhost, 127.0.0.1 and ::1. */
  readonly local: Credentials
  /** For wrong.example, and no other name. */
  readonly wrongHost: Credentials
}

let made: Certificates | undefined

/** The certificates of this process, made when first asked for. */
export function certificates(): Certificates {
  made ??= makeCertificates()
  return made
}

function makeCertificates(): Certificates {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issue = (serial: number, name: string, publicKey: KeyObject, extensions: Buffer[]) =>
    pem('CERTIFICATE', certificate(serial, name, publicKey, extensions, authority.privateKey))
  const credentials = (serial: number, name: string, alternativeNames: Buffer[]) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    // §4.2.1.6: subjectAltName
    const cert = issue(serial, name, publicKey, [extension(SUBJECT_ALT_NAME, sequence(...alternativeNames))])
    return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string }
  }
  return {
    // §4.2.1.9: basicConstraints, cA TRUE
    ca: issue(1, AUTHORITY, authority.publicKey, [
      extension(BASIC_CONSTRAINTS, sequence(der(0x01, Buffer.of(0xff)))),
    ]),
    local: credentials(2, 'localhost', [
      dnsName('localhost'),
      ipAddress([127, 0, 0, 1]),
      ipAddress([...Array(15).fill(0), 1]),
    ]),
    wrongHost: credentials(3, 'wrong.example', [dnsName('wrong.example')]),
  }
}

const AUTHORITY = 'wirewright specs'
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2'
const COMMON_NAME = '2.5.4.3'
const SUBJECT_ALT_NAME = '2.5.29.17'
const BASIC_CONSTRAINTS = '2.5.29.19'

function certificate(
  serial: number,
  name: string,
  publicKey: KeyObject,
  extensions: Buffer[],
  authorityKey: KeyObject,
): Buffer {
  const algorithm = sequence(objectIdentifier(ECDSA_WITH_SHA256))
  const toBeSigned = sequence(
    der(0xa0, integer(2)), // version 3
    integer(serial),
    algorithm,
    commonName(AUTHORITY),
    sequence(utcTime('200101000000Z'), utcTime('491231235959Z')),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  )
  return sequence(toBeSigned, algorithm, bitString(sign('sha256', toBeSigned, authorityKey)))
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(objectIdentifier(COMMON_NAME), der(0x0c, Buffer.from(name)))))
}

function extension(identifier: string, value: Buffer): Buffer {
  return sequence(objectIdentifier(identifier), der(0x04, value))
}

function dnsName(name: string): Buffer {
  return der(0x82, Buffer.from(name))
}

function ipAddress(bytes: number[]): Buffer {
  return der(0x87, Buffer.from(bytes))
}

/** Tag, length and contents (X.690 §8.1). */
function der(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const length = content.length
  const long = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...(length < 128 ? [length] : long)]), content])
}

function sequence(...items: Uint8Array[]): Buffer {
  return der(0x30, ...items)
}

/** A small one that is not negative. */
function integer(value: number): Buffer {
  return der(0x02, Buffer.of(value))
}

function utcTime(time: string): Buffer {
  return der(0x17, Buffer.from(time))
}

function bitString(bytes: Buffer): Buffer {
  return der(0x03, Buffer.of(0), bytes)
}

/** X.690 §8.19: seven bits to a byte, the first two arcs in one. */
function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...arcs].flatMap(arc => {
    const groups = [arc & 127]
    for (let rest = arc >>> 7; rest > 0; rest >>>= 7) groups.unshift(0x80 | (rest & 127))
    return groups
  })
  return der(0x06, Buffer.from(bytes))
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}
