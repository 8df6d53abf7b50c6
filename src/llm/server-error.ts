/** An error as a model server reports it. */
export interface ServerError {
  /** May repeat the conversation or a key: never logged or sent. */
  message: string
  code?: string
  type?: string
  /** The wrong part of the request, as the server names it: `max_tokens`, `body.stream_options`. Never logged or sent either. */
  field?: string
  /** An HTTP status that the error itself names, as it does where the response has the status 200. */
  status?: number
}

type Members = Readonly<Record<string, unknown>>

/**
 * Finds the error in a server's JSON, if that is one. Besides OpenAI's `{ error: { message, type, code } }` there are
 * `{ error: "…" }`, `[{ error }]` (Gemini), `{ object: "error", message, code }` (vLLM), `{ detail }` (FastAPI; inside
 * `message` in Mistral's),
 * `{ errors: [{ message, code }] }` (Cloudflare), `{ base_resp: { status_code, status_msg } }` (MiniMax) and
 * `{ message, code }`.
 */
export function readServerError(json: unknown): ServerError | undefined {
  const body = membersOf(Array.isArray(json) ? json[0] : json)
  const said = errorOf(body)
  return said === undefined ? undefined : describe(said)
}

function errorOf(body: Members): unknown {
  const { error, detail, errors, base_resp: baseResponse, choices, message, msg } = body
  if (isSaid(error)) return error
  const { status_code: statusCode } = membersOf(baseResponse)
  if (typeof statusCode === 'number' && statusCode !== 0) return baseResponse
  if (Array.isArray(choices)) return undefined
  if (body['object'] === 'error' || body['type'] === 'error') return body
  if (isSaid(detail)) return typeof detail === 'string' ? body : detail
  if (isSaid(errors)) return errors
  // An event about a queue has a message and a status too.
  const hasCode =
    ['code', 'type', 'error_code'].some((key) => body[key]) ||
    [body['status'], body['status_code']].some((status) => Number(status) >= 400)
  return (typeof message === 'string' || typeof msg === 'string') && hasCode ? body : undefined
}

/** Some servers put `error: null`, `error: {}` or an error of nulls into every chunk. */
function isSaid(value: unknown): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'string') return value !== ''
  return value === true || Object.values(membersOf(value)).some((member) => member !== null)
}

function describe(said: unknown): ServerError {
  if (typeof said === 'string') return { message: said }
  const error = membersOf(Array.isArray(said) ? said[0] : said)
  const { raw } = membersOf(error['metadata'])
  const texts = ['message', 'msg', 'error_msg', 'status_msg', 'detail', 'error']
  const inner = ['error', 'message', 'detail']
    .map((key) => error[key])
    .find((member) => typeof member === 'object' && isSaid(member))
  const { message = '', ...innermost } = inner === undefined ? {} : describe(inner)
  const parts = [...texts.map((key) => error[key]), raw, message]
  const code = firstOf(error, ['code', 'error_code', 'status_code', 'errorcode'])
  const type = firstOf(error, ['type', 'error_type', 'status'])
  const status = Number(firstOf(error, ['code', 'status', 'status_code', 'statusCode']))
  return {
    message: parts.filter((part) => typeof part === 'string' && part !== '').join(' '),
    ...(code !== undefined && { code }),
    ...(type !== undefined && { type }),
    ...(status >= 400 && status <= 599 && { status }),
    ...fieldOf(error),
    ...innermost,
  }
}

/** OpenAI names the field as `param`, FastAPI by its path in the request. */
function fieldOf({ param, loc }: Members): { field?: string } {
  const field = Array.isArray(loc) ? loc.join('.') : param
  return typeof field === 'string' && field !== '' ? { field } : {}
}

function firstOf(error: Members, keys: readonly string[]): string | undefined {
  const value = keys
    .map((key) => error[key])
    .find((member) => typeof member === 'string' || typeof member === 'number')
  return value === undefined ? undefined : String(value)
}

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {}
}
