import * as z from 'zod'
import type { SessionPosition } from '../db/sessions.ts'
import { Problem } from '../errors.ts'

const Position = z.tuple([z.iso.datetime({ precision: 3 }), z.guid()])

/** Opaque to clients: the position of a page's last session, base64url. */
export function encodeCursor({ lastActivity, id }: SessionPosition): string {
  return btoa(JSON.stringify([lastActivity, id]))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** @throws Problem `invalid_request` for anything but what `encodeCursor` made */
export function decodeCursor(cursor: string): SessionPosition {
  try {
    const json = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
    const [lastActivity, id] = Position.parse(JSON.parse(json))
    return { lastActivity, id }
  } catch (cause) {
    throw new Problem('invalid_request', {
      detail: 'cursor: is not one that this API gave',
      members: { errors: [{ field: 'cursor', message: 'is not one that this API gave' }] },
      cause,
    })
  }
}
