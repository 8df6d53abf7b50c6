import * as z from 'zod'
import { base64url } from '../base64url.ts'
import type { SessionPosition } from '../db/sessions.ts'
import { invalidRequest } from '../errors.ts'

/** Postgres has no year 0. */
const Position = z.tuple([
  z.iso.datetime({ precision: 3 }).refine((time) => time >= '0001'),
  z.guid(),
])

/** Opaque to clients: the position of a page's last session, base64url. */
export function encodeCursor({ lastActivity, id }: SessionPosition): string {
  return base64url(JSON.stringify([lastActivity, id]))
}

/** @throws Problem `invalid_request` for anything but what `encodeCursor` made */
export function decodeCursor(cursor: string): SessionPosition {
  try {
    const json = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
    const [lastActivity, id] = Position.parse(JSON.parse(json))
    return { lastActivity, id }
  } catch (cause) {
    throw invalidRequest([{ field: 'cursor', message: 'is not one that this API gave' }], cause)
  }
}
