/** The report as JSON: everything, wire logs included. */
import type { Report } from './report.ts'

export function formatJson(report: Report): string {
  return `${JSON.stringify(report, null, 1)}\n`
}
