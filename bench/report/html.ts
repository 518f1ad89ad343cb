import type { Recording } from '../recording.ts'
export function formatReport(recording: Recording): string {
  return JSON.stringify(recording)
}
