/**
 * The data that groups 12 and 13 compress. Autobahn reads five files; these are of the same sizes and of like
 * compressibility, made with a seed: JSON records, a picture of gray values, German-looking prose, HTML, and the inside of
 * a PDF, which is mostly compressed already.
 */
import { deflateRawSync } from 'node:zlib'
import { SeededRandom } from '../seeded-random.ts'

export type CorpusName = 'json' | 'picture' | 'prose' | 'html' | 'pdf'

export interface Corpus {
  readonly title: string
  readonly binary: boolean
  /** Code points of text, octets of binary. */
  readonly units: number
  readonly octets: number
  /** The whole of it. Text has no code point beyond U+FFFF, so a unit is a UTF-16 one. */
  readonly data: string | Buffer
}

/** Words that sound like language: syllables, the frequent ones first. */
function vocabulary(random: SeededRandom, count: number): string[] {
  const [heads, middles, tails] = ['d s g w b m n h k f st sch', 'e a i o u ei ie au', 'n r t st ch l cht nd s'].map(
    list => list.split(' '),
  ) as [string[], string[], string[]]
  return Array.from({ length: count }, () => {
    const syllables = 1 + random.below(3)
    return Array.from(
      { length: syllables },
      () => random.pick(heads) + random.pick(middles) + random.pick(tails),
    ).join('')
  })
}

/** A word: the nearer to the beginning of the list, the more often. */
function word(random: SeededRandom, list: readonly string[]): string {
  const share = random.next() / 2 ** 32
  return list[Math.floor(share * share * list.length)]!
}

function sentence(random: SeededRandom, list: readonly string[]): string {
  const words = Array.from({ length: 5 + random.below(12) }, () => word(random, list)).join(' ')
  return `${words[0]!.toUpperCase()}${words.slice(1)}${random.pick(['.', '.', ',', '!', '?'])}`
}

/** Parts as they come, cut at a length. */
function until(length: number, part: () => string): string {
  const parts: string[] = []
  for (let size = 0; size < length; size += parts.at(-1)!.length) parts.push(part())
  return parts.join('').slice(0, length)
}

function makeJson(units: number): string {
  const random = new SeededRandom(7692)
  const words = vocabulary(random, 400)
  return until(units, () => {
    const record = {
      id: random.next(),
      name: `${word(random, words)} ${word(random, words)}`,
      active: random.below(2) === 1,
      score: random.below(100_000) / 100,
      tags: [word(random, words), word(random, words)],
      about: sentence(random, words),
    }
    return `${JSON.stringify(record, null, 2)},\n`
  })
}

/** A head, then rows of gray values that drift, with noise. */
function makePicture(octets: number): Buffer {
  const random = new SeededRandom(512)
  const width = 512
  const picture = Buffer.alloc(octets)
  picture.write('BM', 0, 'latin1')
  for (let at = 54; at < 1078; at++) picture[at] = ((at - 54) >> 2) & 255
  for (let at = 1078; at < octets; at++) {
    const above = picture[at - width]!
    const left = picture[at - 1]!
    picture[at] = (above + left) / 2 + random.below(17) - 8 + (random.below(400) === 0 ? random.below(90) - 45 : 0)
  }
  return picture
}

function makeProse(octets: number): Buffer {
  const random = new SeededRandom(2229)
  const words = vocabulary(random, 20_000)
  const text = until(octets, () => `${sentence(random, words)}${random.below(4) === 0 ? '\r\n\r\n' : '\r\n'}`)
  return Buffer.from(text, 'latin1')
}

function makeHtml(units: number, octets: number): string {
  const random = new SeededRandom(1866)
  const words = vocabulary(random, 1500)
  const text = until(units, () => {
    const [name, target] = [word(random, words), random.below(9999)]
    const link = `<a href="/archive/${target}/${name}.html" title="${name}">${sentence(random, words)}</a>`
    return `<li class="${random.pick(['entry', 'entry odd', 'entry new'])}" id="entry-${target}">${link}</li>\n`
  })
  // Each ü is an octet more than a u.
  let missing = octets - units
  return text.replace(/u/g, letter => (missing-- > 0 ? 'ü' : letter))
}

/** Objects of text, and streams that are deflated. */
function makePdf(octets: number): Buffer {
  const random = new SeededRandom(5439)
  const words = vocabulary(random, 3000)
  const parts: Buffer[] = []
  for (let [size, n] = [0, 1]; size < octets; n++) {
    const text = until(20_000 + random.below(30_000), () => `(${word(random, words)}) ${random.below(999)} Tj\n`)
    const stream = deflateRawSync(text)
    const object = `${n} 0 obj\n<< /Length ${stream.length} /Filter /FlateDecode >>\nstream\n`
    parts.push(Buffer.from(object, 'latin1'), stream, Buffer.from('\nendstream\nendobj\n', 'latin1'))
    size += parts.slice(-3).reduce((sum, part) => sum + part.length, 0)
  }
  return Buffer.concat(parts).subarray(0, octets)
}

function text(title: string, units: number, octets: number, make: () => string): Corpus {
  return made({ title, binary: false, units, octets }, make)
}

function binary(title: string, octets: number, make: () => Buffer): Corpus {
  return made({ title, binary: true, units: octets, octets }, make)
}

/** Made when it is first asked for. */
function made(facts: Omit<Corpus, 'data'>, make: () => string | Buffer): Corpus {
  let data: string | Buffer | undefined
  return {
    ...facts,
    get data() {
      data ??= make()
      return data
    },
  }
}

export const CORPORA: Readonly<Record<CorpusName, Corpus>> = {
  json: text('JSON', 194_056, 194_056, () => makeJson(194_056)),
  picture: binary('a picture of gray values', 263_222, () => makePicture(263_222)),
  prose: binary('prose', 222_218, () => makeProse(222_218)),
  html: text('HTML', 263_620, 263_647, () => makeHtml(263_620, 263_647)),
  pdf: binary('a PDF', 1_042_328, () => makePdf(1_042_328)),
}

/** Consecutive slices of a corpus, beginning anew at its end. */
export class Slices {
  readonly #corpus: Corpus
  #at = 0

  constructor(corpus: Corpus) {
    this.#corpus = corpus
  }

  next(length: number): Buffer {
    const { data, units } = this.#corpus
    const end = this.#at + length
    const parts = [data.slice(this.#at, end), ...(end > units ? [data.slice(0, end - units)] : [])]
    this.#at = end % units
    return Buffer.concat(parts.map(part => Buffer.from(part as string)))
  }
}
