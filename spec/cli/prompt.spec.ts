/** The prompt as a person sees it: what stands on the screen while lines are typed and others come in between. */
import t from 'tap'
import { Prompt } from '../../lib/cli/prompt.ts'
import { fakeTerminal } from '../support/command-line.ts'
import { Screen } from '../support/screen.ts'
import { turns } from '../support/waiting.ts'

const COLUMNS = 20
const KEYS = { enter: '\r', up: '\x1b[A', left: '\x1b[D', ctrlC: '\x03', ctrlD: '\x04' }

function openPrompt({ closesAtLine = false } = {}) {
  const fake = fakeTerminal({ columns: COLUMNS })
  const lines: string[] = []
  let ends = 0
  const prompt: Prompt = new Prompt(fake.terminal, {
    onLine(line) {
      lines.push(line)
      if (closesAtLine) prompt.close()
    },
    onEnd: () => void ends++,
  })
  return {
    ...fake,
    prompt,
    lines,
    ends: () => ends,
    /** Types key after key, as a person does; what is pasted comes at once. */
    async type(...keys: string[]) {
      for (const key of keys) {
        fake.input.write(key)
        await turns(2)
      }
    },
    print: (text: string) => prompt.above(() => void fake.terminal.output.write(`${text}\n`)),
    async screen() {
      await turns(2)
      return new Screen(COLUMNS).write(fake.output())
    },
  }
}

t.test('lines are given on as they are typed, and stay on the screen', async t => {
  const { type, lines, screen, prompt } = openPrompt()
  t.same((await screen()).rows, ['>'])
  await type(...'hallo', KEYS.left, KEYS.left, KEYS.left, '\x7f', 'e', KEYS.enter, KEYS.enter)
  t.same(lines, ['hello', ''])
  t.same((await screen()).rows, ['> hello', '>', '>'])
  await type(KEYS.up, '!', KEYS.enter)
  t.same(lines, ['hello', '', 'hello!'], 'there is a history')
  prompt.close()
})

t.test('what comes is printed above what is being typed', async t => {
  const { type, print, lines, screen, prompt } = openPrompt()
  print('< one')
  await type(...'typ')
  print('< two')
  print('< three\nlines\nlong')
  await type(...'ed')
  t.same((await screen()).rows, ['< one', '< two', '< three', 'lines', 'long', '> typed'])
  t.same((await screen()).cursor, [5, 7])
  await type(KEYS.enter)
  t.same(lines, ['typed'])
  prompt.close()
})

t.test('also where what is being typed takes several rows, wherever the cursor is', async t => {
  const text = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ'
  const wrong: unknown[] = []
  for (const length of [1, 9, 17, 18, 19, 37, 38, 39, 40, 46]) {
    for (const back of new Set([0, 1, Math.floor(length / 2), length])) {
      const { type, print, screen, prompt } = openPrompt()
      print('< one')
      await type(...text.slice(0, length), ...Array<string>(back).fill(KEYS.left))
      print('< two')
      print('< three')
      const typed = `> ${text.slice(0, length)}`
      const rows = ['< one', '< two', '< three', ...Array.from(typed.matchAll(/.{1,20}/g), ([row]) => row)]
      const place = typed.length - back
      const cursor = [3 + Math.floor(place / COLUMNS), place % COLUMNS]
      const seen = await screen()
      // A full row may have an empty one below it, where the next character goes.
      const isRight = seen.rows.join('\n').trimEnd() === rows.join('\n') && `${seen.cursor}` === `${cursor}`
      if (!isRight) wrong.push({ length, back, rows, cursor, seen: [seen.rows, seen.cursor] })
      prompt.close()
    }
  }
  t.same(wrong.slice(0, 5), [])
})

t.test('what is pasted over several rows does not cover what came', async t => {
  const { type, print, screen, lines, prompt } = openPrompt()
  const pasted = 'x'.repeat(70)
  await type(pasted)
  for (let i = 0; i < 5; i++) print(`< message ${i}`)
  const rows = (await screen()).rows.filter(row => row !== '')
  t.same(
    rows.slice(0, 5),
    [0, 1, 2, 3, 4].map(i => `< message ${i}`),
  )
  t.equal(rows.slice(5).join(''), `> ${pasted}`)
  await type(KEYS.enter)
  t.same(lines, [pasted])
  prompt.close()
})

t.test('Ctrl-D is an end, and takes the prompt away', async t => {
  const { type, print, lines, screen, ends, controller } = openPrompt()
  await type(...'sent', KEYS.enter, KEYS.ctrlD)
  t.equal(ends(), 1)
  t.notOk(controller.signal.aborted)
  t.same((await screen()).rows, ['> sent', ''])
  print('< late')
  await type(...'no', KEYS.enter, KEYS.ctrlD)
  t.same((await screen()).rows, ['> sent', '< late', ''], 'nobody is asked for another line')
  t.same(lines, ['sent'])
  t.equal(ends(), 1)
})

t.test('Ctrl-C is an end and an interruption', async t => {
  const { type, screen, ends, controller, lines } = openPrompt()
  await type(...'half a line', KEYS.ctrlC)
  t.equal(ends(), 1)
  t.ok(controller.signal.aborted)
  t.same((await screen()).rows, [''])
  t.same(lines, [])
})

t.test('closing takes it off the screen, however many rows it has', async t => {
  const { type, prompt, screen, ends, lines, print } = openPrompt()
  print('< one')
  await type(...'x'.repeat(45))
  prompt.close()
  prompt.close()
  print('closed')
  await type('y', KEYS.enter)
  t.same((await screen()).rows, ['< one', 'closed', ''])
  t.same([ends(), lines], [0, []], 'it was not the user who ended it')
})

t.test('a line may be the last one', async t => {
  const { type, lines, ends, screen } = openPrompt({ closesAtLine: true })
  await type('one\rtwo\rthree\r')
  t.same(lines, ['one'])
  t.same((await screen()).rows, ['> one', ''])
  t.equal(ends(), 0)
})
