import { zValidator } from '@hono/zod-validator'
import type * as z from 'zod'
import { invalidRequest, Problem } from '../errors.ts'

export function queryString<Schema extends z.ZodType>(schema: Schema) {
  return zValidator('query', schema, (result) => {
    if (!result.success) throw schemaProblem(result.error)
  })
}

/** A malformed id in a path gets the same 404 as an id of nothing. */
export function path<Schema extends z.ZodType>(schema: Schema) {
  return zValidator('param', schema, (result) => {
    if (!result.success) throw new Problem('not_found')
  })
}

/** The 400 that names each field at which a schema failed. */
export function schemaProblem(error: z.core.$ZodError): Problem {
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
