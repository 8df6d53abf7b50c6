import type { Message } from '../../protocol.ts'

/** The members of a problem (RFC 9457) that the widget reads. */
interface ReadProblem {
  code: string
  title: string
  detail: string
  retryable: boolean
  reply: Message
}

const failureName = 'ChatFailure'

/** A failed request or turn. `status` is 0 if there was no complete answer. */
export class ChatFailure extends Error {
  declare readonly status: number
  declare readonly code: string
  declare readonly detail: string | undefined
  declare readonly retryAfterMs: number | undefined
  declare readonly retryable: boolean
  /** The stored part of the reply. */
  declare readonly reply: Message | undefined

  constructor(status: number, problem: Partial<ReadProblem>, retryAfterMs?: number) {
    super(problem.code ?? `status ${status}`)
    this.name = failureName
    this.status = status
    this.code = problem.code ?? ''
    this.detail = problem.detail ?? problem.title
    this.retryAfterMs = retryAfterMs
    // The daily limit outlasts any wait, so give the message back to the visitor.
    const isPassing = status === 429 || status >= 500 || retryAfterMs !== undefined
    this.retryable =
      problem.retryable ?? (status === 0 || (isPassing && this.code !== 'daily_limit_reached'))
    this.reply = problem.reply
  }
}

/** No answer, an incomplete one, or one that is not from this API. */
export function networkFailure(): ChatFailure {
  return new ChatFailure(0, { code: 'network' })
}

/** Turns anything that a request has thrown into a ChatFailure. */
export function asFailure(error: unknown): ChatFailure {
  return isFailure(error) ? error : networkFailure()
}

/** Checks the name: each chunk of the build has its own copy of the class. */
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

/** Leaves out the members of a problem that have a wrong type. */
export function readProblem(body?: {
  [Name in keyof ReadProblem]?: unknown
}): Partial<ReadProblem> {
  const isMember = ([name, value]: [string, unknown]) =>
    name === 'reply'
      ? isMessage(value)
      : typeof value === (name === 'retryable' ? 'boolean' : 'string')
  return Object.fromEntries(Object.entries(Object(body)).filter(isMember))
}

function isMessage(value: unknown): value is Message {
  const message: object = Object(value)
  return 'content' in message && 'status' in message
}

/** `Retry-After`, in seconds or as a date, as milliseconds; undefined if it cannot be read. */
export function parseRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}
