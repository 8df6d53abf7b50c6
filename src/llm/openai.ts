import OpenAI from 'openai'
import { Problem } from '../errors.ts'
import type { ChatModel } from './chat-model.ts'
import { toChunk } from './completion-chunk.ts'
import { type Deadlines, startDeadline } from './deadline.ts'
import { readEvents } from './read-events.ts'

export interface OpenaiOptions extends Deadlines {
  /** Absent for servers that need none (Ollama): they are sent a placeholder, since the package requires one. */
  apiKey: string | undefined
  baseUrl: string | undefined
  model: string
  maxCompletionTokens: number
  /** The provider's name for the limit: OpenAI refuses the older name for newer models, and others know only that one. */
  maxTokensField: 'max_completion_tokens' | 'max_tokens'
  /** Whether to ask for usage; some servers refuse the option. */
  streamUsage: boolean
}

/** A `ChatModel` over Chat Completions, which every compatible server implements. */
export function openaiModel(options: OpenaiOptions): ChatModel {
  const client = new OpenAI({
    apiKey: options.apiKey ?? 'none',
    baseURL: options.baseUrl ?? 'https://api.openai.com/v1',
    // A second call would be paid for twice: the client decides whether to retry.
    maxRetries: 0,
    timeout: options.timeoutMs,
    // The package would write what the model sent to the log.
    logLevel: 'off',
  })

  return async function* complete(prompt, { signal }) {
    const deadline = startDeadline(options, signal)
    try {
      const response = await client.chat.completions
        .create(
          {
            model: options.model,
            messages: prompt,
            stream: true,
            [options.maxTokensField]: options.maxCompletionTokens,
            ...(options.streamUsage && { stream_options: { include_usage: true } }),
          },
          { signal: deadline.signal },
        )
        .asResponse()
      // The package's own reader ends at a frame that holds no chunk, and needs more CPU.
      for await (const events of readEvents(bodyOf(response), deadline.signal)) {
        const { chunk, isLast, error } = toChunk(events)
        deadline.heard(chunk.text !== undefined)
        yield chunk
        if (error !== undefined) throw error
        if (isLast) return
      }
    } catch (error) {
      throw deadline.signal.aborted ? deadline.signal.reason : toProblem(error, deadline.begun())
    } finally {
      deadline.end()
    }
  }
}

function bodyOf({ body }: Response): ReadableStream<Uint8Array> {
  if (body === null) throw new SyntaxError('The response has no body')
  return body
}

function toProblem(cause: unknown, begun: boolean): Problem {
  if (!(cause instanceof OpenAI.APIError))
    return new Problem('model_unavailable', {
      hint: cause instanceof SyntaxError ? nonsense : hintFor(undefined),
      cause,
    })
  const isUnspent = !begun && isRefusal(cause)
  if (cause.code === 'context_length_exceeded' && !begun)
    return new Problem('model_context_exceeded', { isUnspent, cause })
  if (cause.status === 429)
    return new Problem('model_rate_limited', {
      retryAfterSeconds: retryAfterSeconds(cause.headers?.get('retry-after')),
      isUnspent,
      cause,
    })
  return new Problem('model_unavailable', { hint: hintFor(cause.status), isUnspent, cause })
}

/**
 * An HTTP error, or no answer at all: the model wrote nothing. (A refused connection looks like one that broke before the
 * answer began, when the model may have been at work. It counts as unspent too, as an outage would otherwise use up
 * everybody's day.)
 */
function isRefusal(error: InstanceType<typeof OpenAI.APIError>): boolean {
  return error instanceof OpenAI.APIConnectionError || error.status !== undefined
}

const nonsense = 'the model server answered nonsense: check OPENAI_BASE_URL'

function hintFor(status: number | undefined): string {
  switch (status) {
    case undefined:
      return 'the model server was not reached, or broke off: check OPENAI_BASE_URL'
    case 401:
    case 403:
      return `the model server answered ${status}: check OPENAI_API_KEY`
    case 404:
      return 'the model server answered 404: check OPENAI_MODEL and OPENAI_BASE_URL'
    default:
      return `the model server answered ${status}`
  }
}

/** Seconds from a `Retry-After` of seconds or a date (RFC 9110, 10.2.3), at least 1 and at most an hour; else 5. */
function retryAfterSeconds(header: string | null | undefined): number {
  const seconds = header ? Number(header) : Number.NaN
  const wait = Number.isNaN(seconds) ? (Date.parse(header ?? '') - Date.now()) / 1_000 : seconds
  return Number.isNaN(wait) ? 5 : Math.min(Math.max(Math.ceil(wait), 1), 3_600)
}
