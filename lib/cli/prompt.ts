/**
 * The line that a person types at a terminal, with the keys for editing it and a history. What comes meanwhile is
 * printed above it, and what was typed stays.
 */
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline'
import type { Terminal } from './command.ts'

export interface PromptHandler {
  onLine(line: string): void
  /** Ctrl-D or Ctrl-C; not after `close`. */
  onEnd(): void
}

export class Prompt {
  readonly #lines: Interface
  readonly #output: Terminal['output']
  #isOpen = true

  constructor({ input, output, interrupt }: Terminal, handler: PromptHandler) {
    this.#output = output
    this.#lines = createInterface({ input, output, terminal: true, prompt: '> ' })
    this.#lines.on('line', line => {
      if (!this.#isOpen) return
      handler.onLine(line)
      if (this.#isOpen) this.#lines.prompt()
    })
    this.#lines.on('close', () => {
      if (!this.#isOpen) return
      this.#isOpen = false
      this.#erase()
      handler.onEnd()
    })
    // Ctrl-C is a key here. With the prompt gone it is a signal again, and so is the second one.
    this.#lines.on('SIGINT', () => {
      this.#lines.close()
      interrupt()
    })
    this.#lines.prompt()
  }

  /** Lets `print` write whole lines above the prompt. */
  above(print: () => void): void {
    const rows = this.#isOpen ? this.#erase() : 0
    print()
    if (!this.#isOpen) return
    // For readline the cursor is still in that row of what is typed, and it goes up from there.
    this.#output.write('\n'.repeat(rows))
    this.#lines.prompt(true)
  }

  /** Takes the prompt off the screen; reads no more. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#erase()
    this.#lines.close()
  }

  /** Leaves the cursor where the prompt began; returns how many rows above it was. */
  #erase(): number {
    const { rows } = this.#lines.getCursorPos()
    moveCursor(this.#output, 0, -rows)
    cursorTo(this.#output, 0)
    clearScreenDown(this.#output)
    return rows
  }
}
