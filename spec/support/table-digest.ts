/**
 * A digest of a table of cases. The tables were compared, field by field, with the facts of the suite that they follow;
 * the digest keeps them as they were then.
 */
import { createHash } from 'node:crypto'

export function tableDigest(table: unknown): string {
  const text = JSON.stringify(table, (_, value) =>
    value?.type === 'Buffer' ? Buffer.from(value.data).toString('hex') : value,
  )
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
