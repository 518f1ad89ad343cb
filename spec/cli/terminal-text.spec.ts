/** What comes from the network must not steer a terminal, and errors say what they have to. */
import t from 'tap'
import { describeError, visible } from '../../lib/cli/terminal-text.ts'

t.test('control characters become escapes, but for tabs and new lines', async t => {
  t.equal(visible('a\x1b[31mb\x07\r\n\tc\x7f\x9b€'), 'a\\x1b[31mb\\x07\\x0d\n\tc\\x7f\\x9b€')
  t.equal(visible('plain, ümläut 🌍'), 'plain, ümläut 🌍')
})

t.test('an error: its words, its code unless they have it, the beginning of what was answered', async t => {
  const error = (message: string, code?: string) => Object.assign(new Error(message), code && { code })
  t.equal(describeError(error('no')), 'no')
  t.equal(describeError(error('no', 'E_NO')), 'no (E_NO)')
  t.equal(describeError(error('connect E_NO', 'E_NO')), 'connect E_NO')
  t.equal(describeError(error('', 'E_NO')), 'could not connect (E_NO)')
  t.equal(describeError(error('no'), Buffer.from(' why\n')), 'no\nwhy')
  t.equal(describeError(error('no'), Buffer.from(' \n')), 'no')
  t.equal(describeError(error('no'), Buffer.from('x'.repeat(1000))).length, 'no\n'.length + 500)
})
