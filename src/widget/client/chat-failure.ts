import type { Message } from '../../protocol.ts'

/** What the widget reads of a problem (RFC 9457). */
interface ReadProblem {
  code: string
  title: string
  detail: string
  retryable: boolean
  reply: Message
}

const failureName = 'ChatFailure'

/** A request or a turn that did not succeed. `status` is 0 where no whole answer came. */
export class ChatFailure extends Error {
  readonly status: number
  readonly code: string
  readonly detail: string | undefined
  readonly retryAfterMs: number | undefined
  readonly retryable: boolean
  /** The reply as far as it was kept. */
  readonly reply: Message | undefined

  constructor(status: number, problem: Partial<ReadProblem>, retryAfterMs?: number) {
    super(problem.code ?? `status ${status}`)
    this.name = failureName
    this.status = status
    this.code = problem.code ?? ''
    this.detail = problem.detail ?? problem.title
    this.retryAfterMs = retryAfterMs
    // A day's limit outlasts any wait: what to do with the message is the visitor's to say.
    const isPassing = status === 429 || status >= 500 || retryAfterMs !== undefined
    this.retryable =
      problem.retryable ?? (status === 0 || (isPassing && this.code !== 'daily_limit_reached'))
    this.reply = problem.reply
  }
}

/** No answer, or one cut off: the network, or a proxy that says something else. */
export function networkFailure(): ChatFailure {
  return new ChatFailure(0, { code: 'network' })
}

/** Whatever was thrown where the server was asked for something. */
export function asFailure(error: unknown): ChatFailure {
  return isFailure(error) ? error : networkFailure()
}

/** By its name: each file of the widget that is loaded apart has a class of its own. */
function isFailure(error: unknown): error is ChatFailure {
  return error instanceof Error && error.name === failureName
}

export async function failureOf(response: Response): Promise<ChatFailure> {
  return new ChatFailure(
    response.status,
    readProblem(await response.json().catch(() => undefined)),
    parseRetryAfter(response.headers.get('retry-after')),
  )
}

/** The members of a problem that have the right type; anything else is left out. */
export function readProblem(body?: {
  [Name in keyof ReadProblem]?: unknown
}): Partial<ReadProblem> {
  return {
    ...(typeof body?.code === 'string' && { code: body.code }),
    ...(typeof body?.title === 'string' && { title: body.title }),
    ...(typeof body?.detail === 'string' && { detail: body.detail }),
    ...(typeof body?.retryable === 'boolean' && { retryable: body.retryable }),
    ...(isMessage(body?.reply) && { reply: body.reply }),
  }
}

function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'content' in value && 'status' in value
}

/** `Retry-After` (seconds or a date) in milliseconds; `undefined` where it says nothing usable. */
export function parseRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}
