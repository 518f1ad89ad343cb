/** What a close record tells, without what differs from run to run. */
import type { CloseRecord } from '../../lib/transport/close-record.ts'

export function story({ code, reason, wasClean, detail }: CloseRecord) {
  const { by, stage, cause, sent, buffered } = detail
  return { code, reason, wasClean, by, stage, cause, sent, buffered }
}
