import * as z from 'zod'
import type { SessionPosition } from '../db/sessions.ts'
import { fromCursor, toCursor } from './cursor.ts'

/** Postgres has no year 0. */
const Position = z.tuple([
  z.iso.datetime({ precision: 3 }).refine((time) => time >= '0001'),
  z.guid(),
])

/** The position of a page's last session. */
export function encodeCursor({ lastActivity, id }: SessionPosition): string {
  return toCursor([lastActivity, id])
}

/** @throws Problem `invalid_request` for anything that `encodeCursor` did not make */
export function decodeCursor(cursor: string): SessionPosition {
  const [lastActivity, id] = fromCursor(Position, cursor)
  return { lastActivity, id }
}
