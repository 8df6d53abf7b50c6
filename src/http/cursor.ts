import type * as z from 'zod'
import { base64url } from '../base64url.ts'
import { invalidRequest } from '../errors.ts'

/** Opaque to clients: JSON of ASCII alone, in base64url. */
export function toCursor(position: readonly (string | number)[]): string {
  return base64url(JSON.stringify(position))
}

/** @throws Problem `invalid_request` for anything but what `toCursor` made of such a position */
export function fromCursor<Schema extends z.ZodType>(
  schema: Schema,
  cursor: string,
): z.infer<Schema> {
  try {
    const json = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
    return schema.parse(JSON.parse(json))
  } catch (cause) {
    throw invalidRequest([{ field: 'cursor', message: 'is not one that this API gave' }], cause)
  }
}
