/** The generator, seen from the runner. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Answer, Command, Measurement, Window } from './load-terms.ts'
import type { MeasuredProcess } from './measured-process.ts'

const PROGRAM = fileURLToPath(new URL('./generator.js', import.meta.url))

export class Load {
  readonly #child: ChildProcess
  /** Until the answer to the command that is under way. */
  #onAnswer: (answer: Answer) => void = () => {}
  #onFailure: (error: Error) => void = () => {}
  #failure: Error | undefined = undefined

  constructor(processors: string | undefined) {
    const words = [process.execPath, PROGRAM]
    const [file = '', ...args] = processors === undefined ? words : ['taskset', '-c', processors, ...words]
    this.#child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', answer => this.#onAnswer(answer as Answer))
    this.#child.on('exit', code => {
      this.#failure = new Error(`the generator has ended (${code})`)
      this.#onFailure(this.#failure)
    })
  }

  /** @throws {Error} what the generator could not do */
  async command(command: Command): Promise<{ readonly port: number; readonly lost: number }> {
    const { port = 0, lost = 0 } = await this.#ask(command, () => {})
    return { port, lost }
  }

  /** Puts a group under load. */
  async measure(
    command: Extract<Command, Window>,
    target: MeasuredProcess,
  ): Promise<Measurement & { readonly time: number }> {
    const times: Promise<number>[] = []
    const onNote = () => void times.push(process.platform === 'linux' ? Promise.resolve(0) : target.ownTime())
    const { measurement } = await this.#ask(command, onNote)
    if (measurement === undefined) throw new Error('the generator has measured nothing')
    const [before = 0, after = 0] = await Promise.all(times)
    return { ...measurement, time: measurement.time ?? after - before }
  }

  async end(): Promise<void> {
    this.#onFailure = () => {}
    if (this.#failure !== undefined) return
    this.#child.disconnect()
    await once(this.#child, 'exit')
  }

  #ask(
    command: Command,
    onNote: (note: 'begin' | 'end') => void,
  ): Promise<Exclude<Answer, { readonly note: 'begin' | 'end' }>> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      this.#onFailure = reject
      this.#onAnswer = answer => {
        if ('note' in answer) return onNote(answer.note)
        if (answer.error !== undefined) reject(new Error(answer.error))
        else resolve(answer)
      }
      this.#child.send(command)
    })
  }
}
