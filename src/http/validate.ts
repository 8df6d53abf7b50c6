import { zValidator } from '@hono/zod-validator'
import { createMiddleware } from 'hono/factory'
import type * as z from 'zod'
import type { AppEnv } from './app-env.ts'
import { invalidRequest, Problem } from '../errors.ts'
import { readBody } from './read-body.ts'

/** By the bytes that come, whatever a header claims, and in time: before anything else is spent on the request. */
export const limitBody = createMiddleware<AppEnv>(async (c, next) => {
  const { raw } = c.req
  if (raw.body !== null) {
    const body = await readBody(raw.body)
    c.set('bodyBytes', body.length)
    c.req.raw = new Request(raw, { method: raw.method, body })
  }
  await next()
})

/** The validator takes any other content type for an empty body, and bytes that are no UTF-8 for U+FFFD. */
export const requireJson = createMiddleware(async (c, next) => {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  const body = await c.req.arrayBuffer()
  if (body.byteLength > 0 && type !== 'application/json')
    throw new Problem('unsupported_media_type', { detail: 'Send content-type: application/json' })
  if (!isUtf8(body)) throw invalidRequest([{ field: 'body', message: 'is not UTF-8' }])
  await next()
})

function isUtf8(bytes: ArrayBuffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return zValidator('json', schema, (result) => {
    if (!result.success) throw invalid(result.error)
  })
}

export function queryString<Schema extends z.ZodType>(schema: Schema) {
  return zValidator('query', schema, (result) => {
    if (!result.success) throw invalid(result.error)
  })
}

/** A malformed id names nothing that is there. */
export function path<Schema extends z.ZodType>(schema: Schema) {
  return zValidator('param', schema, (result) => {
    if (!result.success) throw new Problem('not_found')
  })
}

function invalid(error: z.core.$ZodError): Problem {
  const errors = error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys')
      return [{ field: issue.path.join('.') || 'body', message: issue.message }]
    return issue.keys.map((key) => ({
      field: [...issue.path, key].join('.'),
      message: 'is not a known field',
    }))
  })
  return invalidRequest(errors)
}
