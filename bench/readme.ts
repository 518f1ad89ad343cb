/**
 * `npm run bench:readme`: writes the table of the README from the newest run in bench/recorded/, between the markers that
 * stand there. A run is recorded by `npm run bench -- --json bench/recorded/NAME.json`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { BEGIN, END, formatTable, withTable } from './readme-table.ts'
import { newestRecording } from './recorded.ts'

const README = fileURLToPath(new URL('../../README.md', import.meta.url))

const recording = newestRecording()
if (recording === undefined) throw new Error('there is no run in bench/recorded/')
const readme = readFileSync(README, 'utf8')
if (!readme.includes(BEGIN) || !readme.includes(END)) throw new Error(`README.md has no markers:\n${BEGIN}\n${END}`)
writeFileSync(README, withTable(readme, formatTable(recording)))
