import { zValidator } from '@hono/zod-validator'
import { bodyLimit } from 'hono/body-limit'
import { createMiddleware } from 'hono/factory'
import type * as z from 'zod'
import { Problem } from '../errors.ts'
import { limits } from '../protocol.ts'

/** Counts the body as it is read, not as its header claims. */
export const limitBody = bodyLimit({
  maxSize: limits.bodyBytes,
  onError() {
    throw new Problem('body_too_large', { detail: `At most ${limits.bodyBytes} bytes` })
  },
})

/** The validator takes any other content type for an empty body: better to say so. */
export const requireJson = createMiddleware(async (c, next) => {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  const isEmpty = c.req.raw.body === null || c.req.header('content-length') === '0'
  if (!isEmpty && type !== 'application/json')
    throw new Problem('unsupported_media_type', { detail: 'Send content-type: application/json' })
  await next()
})

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

/** @returns a problem whose `errors` name each field that is wrong */
export function invalid(error: z.core.$ZodError): Problem {
  const errors = error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys')
      return [{ field: issue.path.join('.') || 'body', message: issue.message }]
    return issue.keys.map((key) => ({
      field: [...issue.path, key].join('.'),
      message: 'is not a known field',
    }))
  })
  return new Problem('invalid_request', {
    detail: errors.map(({ field, message }) => `${field}: ${message}`).join('; '),
    members: { errors },
  })
}
