/** What a terminal shows after it was written to: so much of ECMA-48 as readline uses, for characters of one column. */
export class Screen {
  readonly #columns: number
  readonly #rows: string[][] = [[]]
  #row = 0
  /** `columns` when a row is full: the next character begins the next one. */
  #column = 0

  constructor(columns: number) {
    this.#columns = columns
  }

  write(text: string): this {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what terminals are steered with
    for (const [part, parameter, final] of text.matchAll(/\x1b\[(\d*)([A-Za-z])|\p{Any}/gu)) {
      if (final !== undefined) this.#control(final, Number(parameter || (final === 'J' ? 0 : 1)))
      else if (part === '\n') this.#goTo(this.#row + 1, 0)
      else if (part === '\r') this.#column = 0
      else if (part === '\t') this.#column = Math.min(this.#columns - 1, (this.#column | 7) + 1)
      else if (part < ' ') throw new Error(`the screen does not know ${JSON.stringify(part)}`)
      else this.#put(part)
    }
    return this
  }

  /** The rows up to the last one that is not blank or has the cursor, without blanks at their ends. */
  get rows(): string[] {
    const rows = this.#rows.map(row =>
      Array.from(row, cell => cell ?? ' ')
        .join('')
        .trimEnd(),
    )
    while (rows.length - 1 > this.#row && rows.at(-1) === '') rows.pop()
    return rows
  }

  /** Row and column. */
  get cursor(): [number, number] {
    return [this.#row, this.#column]
  }

  #put(character: string): void {
    if (this.#column === this.#columns) this.#goTo(this.#row + 1, 0)
    this.#rows[this.#row]![this.#column++] = character
  }

  #control(final: string, count: number): void {
    if (final === 'A') this.#goTo(Math.max(0, this.#row - count), this.#column)
    else if (final === 'B') this.#goTo(this.#row + count, this.#column)
    else if (final === 'C') this.#column = Math.min(this.#columns - 1, this.#column + count)
    else if (final === 'D') this.#column = Math.max(0, this.#column - count)
    else if (final === 'G') this.#column = Math.min(this.#columns, count) - 1
    else if (final === 'J' && count === 0) {
      this.#rows.length = this.#row + 1
      this.#rows[this.#row]!.length = Math.min(this.#rows[this.#row]!.length, this.#column)
    } else throw new Error(`the screen does not know ${count}${final}`)
  }

  #goTo(row: number, column: number): void {
    while (this.#rows.length <= row) this.#rows.push([])
    this.#row = row
    this.#column = column
  }
}
