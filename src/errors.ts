import { abbreviate } from './visible-text.ts'

/** Every error code of the API, with the HTTP status and the title that go with it. */
const problems = {
  invalid_request: [400, 'The request is not valid'],
  unauthorized: [401, 'A credential is missing or not valid'],
  origin_not_allowed: [403, 'This website may not use this Worker'],
  not_found: [404, 'Not found'],
  body_too_slow: [408, 'The request body took too long to arrive'],
  turn_running: [409, 'The reply to this message is still being written'],
  session_busy: [409, 'Another message of this session is being answered'],
  not_last_turn: [409, 'Only the last turn of a session can run again'],
  body_too_large: [413, 'The request body is too large'],
  message_too_long: [413, 'The message does not fit in the context window'],
  unsupported_media_type: [415, 'The request body must be JSON'],
  message_mismatch: [422, 'This message_id belongs to another message'],
  rate_limited: [429, 'Too many requests in a short time'],
  daily_limit_reached: [429, 'The tokens for today are used up'],
  internal_error: [500, 'Something went wrong'],
  misconfigured: [500, 'The configuration of the Worker is not valid'],
  data_too_large: [500, 'The stored data is larger than one answer can be'],
  interrupted: [502, 'The reply was cut off before its end'],
  model_unavailable: [502, 'The model could not answer'],
  model_context_exceeded: [502, 'The conversation is longer than the model can read'],
  model_empty_reply: [502, 'The model answered without text'],
  auth_unavailable: [503, 'The credential cannot be checked at the moment'],
  database_unavailable: [503, 'The database cannot be reached'],
  database_timeout: [503, 'The database took too long'],
  schema_outdated: [503, 'The database must be migrated first'],
  claim_unfinished: [503, 'Some of the sessions are not claimed yet'],
  erase_unfinished: [503, 'Some of the sessions are not erased yet'],
  model_rate_limited: [503, 'The model is busy'],
  not_saved: [503, 'The reply could not be stored'],
  model_timeout: [504, 'The model took too long'],
  stopped: [409, 'The reply was stopped'],
  session_deleted: [404, 'The session was deleted'],
} as const satisfies Record<string, readonly [status: number, title: string]>

export type ProblemCode = keyof typeof problems

/** The problem whose code was stored with a reply; `interrupted` if there is none, or if this version does not know it. */
export function storedProblem(code: string | null): Problem {
  return new Problem(isProblemCode(code) ? code : 'interrupted')
}

function isProblemCode(code: string | null): code is ProblemCode {
  return code !== null && Object.hasOwn(problems, code)
}

export interface ProblemOptions {
  /** One sentence for the reader of the response; never contains internals. */
  detail?: string
  retryAfterSeconds?: number
  /** Of a completion: the model certainly did nothing, so the provider charges nothing. */
  isUnspent?: boolean
  /** Further members of the response, RFC 9457 "extension members". */
  members?: Record<string, unknown>
  /** For the owner's log, never sent: where to look. Fixed words, without content. */
  hint?: string
  /** Logged by name and code, never sent. */
  cause?: unknown
}

/** The only error class of this Worker. Clients may rely on its code; it is rendered as `application/problem+json`. */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly options: ProblemOptions

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(options.detail ?? problems[code][1], { cause: options.cause })
    this.name = 'Problem'
    this.code = code
    this.options = options
  }

  get status() {
    return problems[this.code][0]
  }

  /** The problem object of RFC 9457; `type` is left out, which means `about:blank`. */
  toJSON(): ProblemBody {
    const { detail, retryAfterSeconds, members } = this.options
    return {
      code: this.code,
      status: this.status,
      title: problems[this.code][1],
      ...(detail !== undefined && { detail }),
      ...(retryAfterSeconds !== undefined && { retry_after: retryAfterSeconds }),
      ...members,
    }
  }
}

/** A field of a request that is not valid. */
export interface FieldFault {
  /** Its path, with dots; `body` for the body as a whole. */
  field: string
  message: string
}

/** The limits of the caller's input in an error, so that no answer is much longer than it is useful. */
const repeated = { nameChars: 100, errors: 20, errorsInDetail: 3 }

/** A name that the caller chose, as an error may repeat it. */
export function repeatedName(name: string): string {
  return abbreviate(name, repeated.nameChars)
}

/** A problem whose `errors` name the fields that are not valid: at most 20, each cut at 100 characters. */
export function invalidRequest(faults: FieldFault[], cause?: unknown): Problem {
  const errors = faults
    .slice(0, repeated.errors)
    .map(({ field, message }) => ({ field: repeatedName(field), message }))
  const named = errors.slice(0, repeated.errorsInDetail)
  const unnamed = faults.length - named.length
  const sentences = named.map(({ field, message }) => `${field}: ${message}`)
  return new Problem('invalid_request', {
    detail: [...sentences, ...(unnamed > 0 ? [`and ${unnamed} more`] : [])].join('; '),
    members: { errors },
    cause,
  })
}

/** A missing or invalid credential. The answer repeats nothing of the credential. */
export function unauthorized(
  detail: string,
  forLog?: Pick<ProblemOptions, 'hint' | 'cause'>,
): Problem {
  return new Problem('unauthorized', { detail, ...forLog })
}

export interface ProblemBody extends Record<string, unknown> {
  code: ProblemCode
  status: number
  title: string
  detail?: string
  /** Seconds, as in the `Retry-After` header. */
  retry_after?: number
}

/** The form of a code that may be logged. A provider invents its own codes, with any content. */
const wordFormat = /^\w{1,40}$/

/**
 * An error for the log: names, codes and stack frames. Never messages: those of a database, a model or a driver may
 * repeat content, a password or a key.
 */
export function describeFault(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error }
  const { code, status } = error as { code?: unknown; status?: unknown }
  const frames = framesOf(error)
  return {
    name: error.name,
    ...(error instanceof Problem && error.options.hint && { hint: error.options.hint }),
    ...(typeof code === 'string' && wordFormat.test(code) && { code }),
    ...(typeof status === 'number' && { status }),
    ...(!(error instanceof Problem) && { at: frames.slice(0, 4).map((line) => line.trim()) }),
    ...(error.cause !== undefined && { cause: describeFault(error.cause) }),
  }
}

/** Leaves out the message, whose lines may look like frames. */
function framesOf({ stack = '', message }: Error): string[] {
  const from = message === '' ? 0 : stack.lastIndexOf(message) + message.length
  return stack
    .slice(from)
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
}
