/** What commands have in common: waiting for the user to want an end. */
import t from 'tap'
import { untilInterrupted } from '../../lib/cli/command.ts'
import { fakeTerminal } from '../support/command-line.ts'
import { outcome } from '../support/waiting.ts'

t.test('a command waits until it is interrupted', async t => {
  const { terminal, controller } = fakeTerminal()
  const waiting = untilInterrupted(terminal)
  t.equal(await outcome(waiting), 'pending')
  controller.abort()
  t.equal(await outcome(waiting), 'resolved')
})

t.test('a command that was interrupted before it waits does not wait', async t => {
  const { terminal, controller } = fakeTerminal()
  controller.abort()
  t.equal(await outcome(untilInterrupted(terminal)), 'resolved')
})
