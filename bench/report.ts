/** `node dist/bench/report.js RUN.json REPORT.html`: the report of a run that was kept as JSON. */
import { readFileSync, writeFileSync } from 'node:fs'
import { reportWithFlamegraphs } from './flamegraphs.ts'

const [json = '', html = ''] = process.argv.slice(2)
writeFileSync(html, reportWithFlamegraphs(JSON.parse(readFileSync(json, 'utf8')), html))
