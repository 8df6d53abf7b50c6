import { inspect } from 'node:util'
import * as z from 'zod'

const Fault = z.looseObject({ hint: z.string().optional() })

/** The line that the Worker's middleware `accessLog` writes for each request. */
const Access = z.object({
  request_id: z.string(),
  method: z.string(),
  route: z.string(),
  status: z.int(),
  ms: z.number(),
  code: z.string().optional(),
  fault: Fault.optional(),
})

/** The line that the Worker writes for a reply that is not complete. */
const Reply = z.object({
  request_id: z.string(),
  reply_id: z.string(),
  code: z.string(),
  fault: Fault,
})

/**
 * Formats a line of the Worker's log for a terminal: `POST /v1/chat 200 812 ms`. After a failure it adds the hint or, if
 * there is none, the fault itself. Other lines stay as they are.
 */
export function formatLog(message: string): string {
  const entry = parseJson(message)
  const reply = Reply.safeParse(entry)
  if (reply.success) {
    const { code, fault, request_id } = reply.data
    return `  reply not complete: ${code}${fault.hint ? `, ${fault.hint}` : ''} (request ${request_id})`
  }
  const access = Access.safeParse(entry)
  if (!access.success) return message
  const { method, route, status, ms, code = 'error', fault, request_id } = access.data
  const line = `${method} ${route} ${status} ${ms} ms`
  if (status < 400) return line
  const named = `${line} ${code} (request ${request_id})`
  if (status < 500) return named
  const shown = fault?.hint ?? inspect(fault, { depth: 8 })
  return `${named}\n${shown.replaceAll(/^/gm, '  ')}`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
