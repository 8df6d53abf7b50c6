import type { IdRange } from '../../src/db/erasure/erase-expired.ts'

/** The range of ids that holds this one alone. */
export function rangeOf(id: string): IdRange {
  const before = (BigInt(`0x${id.replaceAll('-', '')}`) - 1n).toString(16).padStart(32, '0')
  const after = before.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  return { after, until: id }
}
