import type * as z from 'zod'
import { base64url } from '../base64url.ts'
import { invalidRequest } from '../errors.ts'

/** Opaque to clients. @param position must be ASCII in JSON, because it becomes base64url */
export function toCursor(position: readonly (string | number)[]): string {
  return base64url(JSON.stringify(position))
}

/** @throws Problem `invalid_request` for anything that `toCursor` did not make from such a position */
export function fromCursor<Schema extends z.ZodType>(
  schema: Schema,
  cursor: string,
): z.infer<Schema> {
  try {
    const json = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
    return schema.parse(JSON.parse(json))
  } catch (cause) {
    throw invalidRequest([{ field: 'cursor', message: 'is not a cursor of this API' }], cause)
  }
}
