import { inspect } from 'node:util'
import * as z from 'zod'

/** The Worker's line about a request, as its middleware `accessLog` writes it. */
const Access = z.object({
  request_id: z.string(),
  method: z.string(),
  path: z.string(),
  status: z.int(),
  ms: z.number(),
  code: z.string().optional(),
  fault: z.unknown().optional(),
})

/**
 * A line of the Worker's log for a terminal: `POST /v1/chat 200 812 ms`, with the fault below it where the Worker
 * itself failed. Whatever else it wrote stays as it is.
 */
export function formatLog(message: string): string {
  const access = Access.safeParse(parseJson(message))
  if (!access.success) return message
  const { method, path, status, ms, code, fault, request_id } = access.data
  const line = `${method} ${path} ${status} ${ms} ms`
  if (status < 400) return line
  const named = `${line} ${code ?? ''} (request ${request_id})`
  return status < 500 ? named : `${named}\n${inspect(fault, { depth: 8 }).replaceAll(/^/gm, '  ')}`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
