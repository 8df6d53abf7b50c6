import type { SqlStatement } from './split-statements.ts'

/** Names as they are written in the statement, quotes and schema included. */
export type ConcurrentIndex =
  | { action: 'create'; index: string; table: string }
  | { action: 'drop'; index: string }

const identifier = String.raw`(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*)`
const qualified = String.raw`${identifier}(?:\s*\.\s*${identifier})?`

const createPattern = new RegExp(
  String.raw`^create\s+(?:unique\s+)?index\s+concurrently\s+if\s+not\s+exists\s+(${identifier})\s+on\s+(${qualified})(?![\p{L}\p{N}_$.])`,
  'iu',
)
const dropPattern = new RegExp(
  String.raw`^drop\s+index\s+concurrently\s+if\s+exists\s+(${qualified})$`,
  'iu',
)

/**
 * What a statement does, if it is one of the two that have to run outside a transaction and can be run again after
 * they were cut off; undefined for any other.
 */
export function concurrentIndex({ text }: SqlStatement): ConcurrentIndex | undefined {
  const [, index, table] = createPattern.exec(text) ?? []
  if (index !== undefined && table !== undefined) return { action: 'create', index, table }
  const [, dropped] = dropPattern.exec(text) ?? []
  return dropped === undefined ? undefined : { action: 'drop', index: dropped }
}
