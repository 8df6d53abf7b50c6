import type { SqlStatement } from './split-statements.ts'

/** The names are as the statement writes them, quotes and schema included. */
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
 * Two statements must run outside a transaction and can run again after they were cut off. Returns what such a statement
 * does; undefined for any other statement.
 */
export function concurrentIndex({ text }: SqlStatement): ConcurrentIndex | undefined {
  const [, index, table] = createPattern.exec(text) ?? []
  if (index !== undefined && table !== undefined) return { action: 'create', index, table }
  const [, dropped] = dropPattern.exec(text) ?? []
  return dropped === undefined ? undefined : { action: 'drop', index: dropped }
}
