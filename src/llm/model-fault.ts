import OpenAI from 'openai'
import { Problem } from '../errors.ts'
import { isContextExceeded, isRateLimited } from './context-exceeded.ts'
import { WebPageError } from './read-parts.ts'
import { adviceForRefused } from './refused-field.ts'
import type { ServerError } from './server-error.ts'

/**
 * The problem that a failed completion is.
 * @param call.hasBegun whether the model wrote text or thinking
 * @param call.sent the names of the fields of the request
 */
export function toProblem(
  cause: unknown,
  { hasBegun, sent }: { hasBegun: boolean; sent: readonly string[] },
): Problem {
  if (cause instanceof Problem) return cause
  if (!(cause instanceof OpenAI.APIError))
    return new Problem('model_unavailable', { hint: hintOf(cause), cause })

  const error = (cause.error ?? { message: '' }) as ServerError
  const status: number | undefined = cause.status ?? error.status
  const isUnspent = !hasBegun && isRefusal(cause, status)
  const hint = hintFor(cause, error, { status, sent })
  if (isRateLimited(status, error))
    return new Problem('model_rate_limited', {
      retryAfterSeconds: retryAfterSeconds(cause.headers?.get('retry-after')),
      isUnspent,
      hint,
      cause,
    })
  if (!hasBegun && isContextExceeded(status, error))
    return new Problem('model_context_exceeded', {
      detail: 'The conversation is too long for the model: begin a new one, or send less at once',
      isUnspent: true,
      hint: 'the prompt is longer than the model can read: lower CONTEXT_TOKEN_BUDGET',
      cause,
    })
  return new Problem('model_unavailable', { hint, isUnspent, cause })
}

/**
 * An HTTP error, or no answer at all: the model wrote nothing. (A refused connection looks like one that broke before the
 * answer began, when the model may have been at work. It counts as unspent too, as an outage would otherwise use up
 * everybody's day.)
 */
function isRefusal(cause: InstanceType<typeof OpenAI.APIError>, status?: number): boolean {
  if (cause instanceof OpenAI.APIConnectionError || cause.status !== undefined) return true
  return status !== undefined && status < 500
}

const nonsense = 'the model server answered nonsense: check OPENAI_BASE_URL'
const unreached = 'the model server was not reached, or broke off: check OPENAI_BASE_URL'

function hintOf(cause: unknown): string {
  if (cause instanceof WebPageError)
    return 'the model server answered with a web page: check OPENAI_BASE_URL'
  return cause instanceof SyntaxError ? nonsense : unreached
}

function hintFor(
  cause: InstanceType<typeof OpenAI.APIError>,
  error: ServerError,
  { status, sent }: { status: number | undefined; sent: readonly string[] },
): string {
  if (cause instanceof OpenAI.APIConnectionError) return unreached
  const answered = cause.status === undefined ? '200 with an error' : String(cause.status)
  return `the model server answered ${answered}${nameOf(error)}${adviceFor(status) ?? adviceForRefused(error, sent) ?? ''}`
}

/**
 * Letters only: a provider invents its codes, and a message may repeat the conversation or a key. So the name of an error
 * is all of it that the log may hold.
 */
function nameOf({ code, type, status }: ServerError): string {
  const names = [code, type].filter((name) => name !== undefined && /^[A-Za-z_]{2,40}$/.test(name))
  const name = names[0] ?? status
  return name === undefined ? '' : ` (${name})`
}

function adviceFor(status: number | undefined): string | undefined {
  switch (status) {
    case 401:
    case 403:
      return ': check OPENAI_API_KEY'
    case 404:
      return ': check OPENAI_MODEL and OPENAI_BASE_URL'
    default:
      return undefined
  }
}

/** Seconds from a `Retry-After` of seconds or a date (RFC 9110, 10.2.3), at least 1 and at most an hour; else 5. */
function retryAfterSeconds(header: string | null | undefined): number {
  const seconds = header ? Number(header) : Number.NaN
  const wait = Number.isNaN(seconds) ? (Date.parse(header ?? '') - Date.now()) / 1_000 : seconds
  return Number.isNaN(wait) ? 5 : Math.min(Math.max(Math.ceil(wait), 1), 3_600)
}
