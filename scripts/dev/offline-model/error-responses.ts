import { ApiError } from './chat-request.ts'
import type { PlainResponse } from './reply.ts'

export function errorResponse(error: ApiError, retryAfter = ''): PlainResponse {
  return {
    status: error.status,
    headers: {
      'content-type': 'application/json',
      ...(retryAfter !== '' && { 'retry-after': retryAfter }),
    },
    body: JSON.stringify(error.toBody()),
  }
}

/** An error with this status, as OpenAI words it. */
export function errorOfStatus({ status, code }: { status: number; code: string }): ApiError {
  if (status < 400 || status > 599) {
    throw new ApiError(400, `status wants an error, not ${status}.`, { code: 'unknown_fault' })
  }
  const usual = usualErrors[status] ?? { message: 'The request failed.', type: 'server_error' }
  const details = { type: usual.type, code: code === '' ? (usual.code ?? null) : code }
  return new ApiError(status, `${usual.message} (asked for by the message)`, details)
}

const usualErrors: Readonly<Record<number, { message: string; type: string; code?: string }>> = {
  400: { message: 'Bad request.', type: 'invalid_request_error' },
  401: {
    message: 'Incorrect API key provided.',
    type: 'invalid_request_error',
    code: 'invalid_api_key',
  },
  404: {
    message: 'The model does not exist.',
    type: 'invalid_request_error',
    code: 'model_not_found',
  },
  429: { message: 'Rate limit reached.', type: 'requests', code: 'rate_limit_exceeded' },
  503: { message: 'The engine is overloaded.', type: 'server_error' },
}

export function contextLengthExceeded(limit: number, promptTokens: number): ApiError {
  const message =
    `This model's maximum context length is ${limit} tokens. However, your messages resulted in ` +
    `${promptTokens} tokens. Please reduce the length of the messages.`
  return new ApiError(400, message, { param: 'messages', code: 'context_length_exceeded' })
}

/** A page of a network that wants a sign-in. */
export function htmlPage(status: number): PlainResponse {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: '<!doctype html>\n<title>Sign in</title>\n<h1>Sign in to this network</h1>\n',
  }
}

/** The data of an event that reports an error in the middle of a stream. */
export const errorChunk = JSON.stringify({
  error: {
    message: 'The server had an error while processing your request.',
    type: 'server_error',
    param: null,
    code: null,
  },
})
