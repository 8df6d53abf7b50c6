import * as z from 'zod'
import {
  type ExportItem,
  type ExportPage,
  type ExportPosition,
  exportStart,
} from '../db/export-page.ts'
import type { ExportLine } from '../protocol.ts'
import { fromCursor, toCursor } from './cursor.ts'

/** How far an export has come in all its answers. */
interface ExportProgress {
  after: ExportPosition
  sessions: number
  messages: number
}

export const exportBeginning: ExportProgress = { after: exportStart, sessions: 0, messages: 0 }

const count = z.int().min(0)
const Cursor = z.tuple([z.guid(), count.max(2_147_483_647), count, count])

/** @throws Problem `invalid_request` for a cursor that no export returned */
export function decodeProgress(cursor: string): ExportProgress {
  const [sessionId, seq, sessions, messages] = fromCursor(Cursor, cursor)
  return { after: { sessionId, seq }, sessions, messages }
}

/**
 * The lines of a page. The last line says that this was the last page, or where to continue if the answer ends or breaks
 * off after it.
 */
export function pageLines(
  { sessions, messages }: ExportProgress,
  { items, next: after }: ExportPage,
): { lines: ExportLine[]; next: ExportProgress | undefined } {
  const lines = items.flatMap(itemLines)
  sessions += items.filter(({ session }) => session !== undefined).length
  messages += items.filter(({ message }) => message !== undefined).length
  if (after === undefined)
    return { lines: [...lines, { type: 'end', sessions, messages }], next: undefined }
  const cursor = toCursor([after.sessionId, after.seq, sessions, messages])
  return { lines: [...lines, { type: 'more', cursor }], next: { after, sessions, messages } }
}

function itemLines({ sessionId, session, message }: ExportItem): ExportLine[] {
  return [
    ...(session ? [{ type: 'session' as const, ...session }] : []),
    ...(message ? [{ type: 'message' as const, session_id: sessionId, ...message }] : []),
  ]
}
