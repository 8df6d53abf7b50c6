import * as z from 'zod'
import type { SearchPosition } from '../db/search-query.ts'
import type { SessionPosition } from '../db/session-page.ts'
import { fromCursor, toCursor } from './cursor.ts'

/** Postgres has no year 0. */
const time = z.iso.datetime({ precision: 3 }).refine((value) => value >= '0001')
const Position = z.tuple([time, z.guid()])
/** The same, with a place inside the session. */
const PositionWithin = z.tuple([
  time,
  z.guid(),
  z.int().min(1).max(2_147_483_647),
  z.int().min(0).max(7),
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

/** The position at which a search ended. */
export function encodeSearchCursor({ lastActivity, id, within }: SearchPosition): string {
  return toCursor([lastActivity, id, ...(within ? [within.seq, within.found] : [])])
}

/** @throws Problem `invalid_request` for anything that `encodeSearchCursor` did not make */
export function decodeSearchCursor(cursor: string): SearchPosition {
  const [lastActivity, id, seq, found] = fromCursor(z.union([Position, PositionWithin]), cursor)
  return {
    lastActivity,
    id,
    ...(seq !== undefined && found !== undefined && { within: { seq, found } }),
  }
}
