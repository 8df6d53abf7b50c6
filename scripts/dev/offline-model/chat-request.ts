/** One message as the answer sees it, with its text parts joined. */
export interface ChatMessage {
  readonly role: Role
  readonly content: string
}

export interface ChatRequest {
  readonly model: string
  readonly messages: readonly ChatMessage[]
  readonly stream: boolean
  readonly includeUsage: boolean
  /** From `max_completion_tokens` or its older name `max_tokens`. */
  readonly maxTokens: number | undefined
}

export const roles = ['system', 'assistant', 'user', 'function', 'tool', 'developer'] as const
type Role = (typeof roles)[number]

interface ErrorDetails {
  readonly type?: string
  readonly param?: string | null
  readonly code?: string | null
}

/** An error that the client receives in OpenAI's format. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly details: ErrorDetails

  constructor(status: number, message: string, details: ErrorDetails = {}) {
    super(message)
    this.status = status
    this.details = details
  }

  toBody() {
    const { type = 'invalid_request_error', param = null, code = null } = this.details
    return { error: { message: this.message, type, param, code } }
  }
}

/**
 * Reads the body of `POST /v1/chat/completions`. Ignores fields without an effect here (temperature, user, …), because
 * the API grows.
 *
 * @throws {ApiError} 400 if OpenAI would refuse the body, with its `param` and `code`
 */
export function parseChatRequest(body: unknown): ChatRequest {
  if (!isRecord(body)) throw new ApiError(400, 'The body must be a JSON object.')
  const { model, messages, stream, stream_options: streamOptions } = body

  if (model === undefined) throw missing('model')
  if (typeof model !== 'string' || model === '') throw invalidType('model', 'a string', model)
  if (messages === undefined) throw missing('messages')
  if (!Array.isArray(messages)) throw invalidType('messages', 'an array of objects', messages)
  if (messages.length === 0) {
    throw invalid('messages', 'empty array. Expected at least one message.', 'empty_array')
  }
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw invalidType('stream', 'a boolean', stream)
  }
  if (body['n'] !== undefined && body['n'] !== null && body['n'] !== 1) {
    throw invalid('n', 'the offline model makes one choice.', 'unsupported_value')
  }

  return {
    model,
    messages: messages.map(parseMessage),
    stream: stream === true,
    includeUsage: parseIncludeUsage(streamOptions, stream === true),
    maxTokens: parseMaxTokens(body),
  }
}

function parseMessage(message: unknown, index: number): ChatMessage {
  const param = `messages[${index}]`
  if (!isRecord(message)) throw invalidType(param, 'an object', message)
  const { role, content } = message
  if (role === undefined) throw missing(`${param}.role`)
  if (!isRole(role)) {
    const known = roles.map((name) => `'${name}'`).join(', ')
    throw invalid(`${param}.role`, `supported values are ${known}.`, 'invalid_value')
  }
  return { role, content: parseContent(content, `${param}.content`) }
}

function parseContent(content: unknown, param: string): string {
  if (content === undefined) throw missing(param)
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) throw invalidType(param, 'a string or an array of parts', content)
  return content.map((part: unknown, index) => parseTextPart(part, `${param}[${index}]`)).join('')
}

function parseTextPart(part: unknown, param: string): string {
  if (!isRecord(part)) throw invalidType(param, 'an object', part)
  if (part['type'] !== 'text') {
    throw invalid(`${param}.type`, "the offline model reads parts of type 'text'.", 'invalid_value')
  }
  if (typeof part['text'] !== 'string') {
    throw invalidType(`${param}.text`, 'a string', part['text'])
  }
  return part['text']
}

function parseIncludeUsage(options: unknown, stream: boolean): boolean {
  const param = 'stream_options'
  if (options === undefined || options === null) return false
  if (!isRecord(options)) throw invalidType(param, 'an object', options)
  if (!stream) throw invalid(param, "only allowed when 'stream' is true.", 'invalid_value')
  return options['include_usage'] === true
}

function parseMaxTokens(body: Record<string, unknown>): number | undefined {
  const given = ['max_completion_tokens', 'max_tokens'].filter(
    (param) => body[param] !== undefined && body[param] !== null,
  )
  const [param, other] = given
  if (param === undefined) return undefined
  if (other !== undefined) {
    throw invalid(other, `not together with '${param}'.`, 'invalid_parameter_combination')
  }
  const value = body[param]
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw invalidType(param, 'an integer', value)
  }
  if (value < 1) throw invalid(param, 'must be at least 1.', 'integer_below_min_value')
  return value
}

function missing(param: string): ApiError {
  const details = { param, code: 'missing_required_parameter' }
  return new ApiError(400, `Missing required parameter: '${param}'.`, details)
}

function invalidType(param: string, expected: string, value: unknown): ApiError {
  const actual = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  const message = `Invalid type for '${param}': expected ${expected}, but got ${actual} instead.`
  return new ApiError(400, message, { param, code: 'invalid_type' })
}

function invalid(param: string, reason: string, code: string): ApiError {
  return new ApiError(400, `Invalid '${param}': ${reason}`, { param, code })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isRole(value: unknown): value is Role {
  return roles.some((role) => role === value)
}
