/** One round of a micro case, in this process alone: `micro.js NAME` prints nanoseconds for each contestant as JSON. */
import { MICRO_CASES } from './micro-cases.ts'
import { measureTurns } from './turns.ts'

const { parts, contestants } = MICRO_CASES[process.argv[2] ?? '']!.load
const times = await measureTurns(await contestants())
console.log(JSON.stringify(Object.fromEntries(Object.entries(times).map(([name, time]) => [name, time / parts()]))))
