import { createMiddleware } from 'hono/factory'
import type * as z from 'zod'
import { Problem } from '../errors.ts'
import type { AppEnv } from './app-env.ts'
import { bodyFault, readBody } from './read-body.ts'
import { schemaProblem } from './validate.ts'

/**
 * The JSON body of a route: its size limit, its time limit, its content type and its schema. No route reads a body in
 * another way, so no route can have one of these without the others.
 * @example .post('/', jsonBody(NewSessionRequest), (c) => c.json(c.req.valid('json')))
 */
export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  interface Validated {
    in: { json: z.input<Schema> }
    out: { json: z.output<Schema> }
  }
  return createMiddleware<AppEnv, string, Validated>(async (c, next) => {
    const { body } = c.req.raw
    const bytes = body === null ? new Uint8Array() : await readBody(body)
    c.set('bodyBytes', bytes.length)
    const { success, data, error } = schema.safeParse(
      parseJson(bytes, c.req.header('content-type')),
    )
    if (!success) throw schemaProblem(error)
    c.req.addValidatedData('json', data as object)
    await next()
  })
}

/** A request without a body stands for `{}`, unless its content type says JSON: then the body is missing. */
function parseJson(bytes: Uint8Array, contentType: string | undefined): unknown {
  const isJson = contentType?.split(';')[0]?.trim().toLowerCase() === 'application/json'
  if (bytes.length === 0 && !isJson) return {}
  if (!isJson)
    throw new Problem('unsupported_media_type', { detail: 'Send content-type: application/json' })
  const text = decodeUtf8(bytes)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw bodyFault('is not valid JSON', cause)
  }
}

/** Refuses what is not UTF-8; a lenient decoder would store U+FFFD in its place. */
function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
  } catch (cause) {
    throw bodyFault('is not UTF-8', cause)
  }
}
