/**
 * The process that makes the load, one for a whole run of the benches: it keeps a group of connections for each process
 * under test and puts one of them under load at a time. Commands come over IPC, one after the other.
 */
import { LoadGroup } from './load-group.ts'
import type { Answer, Command } from './load-terms.ts'

const groups = new Map<string, LoadGroup>()

function send(answer: Answer): void {
  process.send?.(answer)
}

async function obey(command: Command): Promise<Answer> {
  if (command.do === 'open' || command.do === 'listen') {
    const loadIs = command.do === 'open' ? 'client' : 'server'
    const group = groups.get(command.group) ?? new LoadGroup(command.terms, loadIs, note => send({ note }))
    groups.set(command.group, group)
    if (command.do === 'listen') return { port: await group.listen() }
    await group.open(command.port, command.count, command.request, command.greet)
    return {}
  }
  const group = groups.get(command.group)
  if (group === undefined) throw new Error(`there is no group ${command.group}`)
  if (command.do === 'verify') await group.verify()
  if (command.do === 'run') return { measurement: await group.run(command) }
  if (command.do === 'broadcast') return { measurement: await group.broadcast(command) }
  if (command.do === 'handshakes') return { measurement: await group.handshakes(command.port, command) }
  if (command.do === 'lost') return { lost: group.lost }
  return {}
}

process.on('message', async (command: Command) => {
  try {
    send(await obey(command))
  } catch (error) {
    send({ error: (error as Error).message })
  }
})
process.on('disconnect', () => process.exit())
