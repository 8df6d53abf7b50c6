import OpenAI from 'openai'
import { Problem } from '../errors.ts'
import type { ChatModel, CompletionChunk, CompletionUsage } from './chat-model.ts'

export interface OpenaiOptions {
  /** Servers that want none (Ollama) are sent a placeholder, since the package insists. */
  apiKey: string | undefined
  baseUrl: string | undefined
  model: string
  maxCompletionTokens: number
  /** What the provider calls the limit: OpenAI refuses the older name for newer models, others know only that one. */
  maxTokensField: 'max_completion_tokens' | 'max_tokens'
  /** Whether to ask for usage; some servers refuse the option. */
  streamUsage: boolean
  firstTokenTimeoutMs: number
  /** Between two chunks. */
  idleTimeoutMs: number
  /** The whole completion. */
  timeoutMs: number
}

/** A `ChatModel` over Chat Completions, which every compatible server speaks. */
export function openaiModel(options: OpenaiOptions): ChatModel {
  const client = new OpenAI({
    apiKey: options.apiKey ?? 'none',
    baseURL: options.baseUrl ?? 'https://api.openai.com/v1',
    // A second call would be paid twice; the visitor's retry decides.
    maxRetries: 0,
    timeout: options.timeoutMs,
    // It would write what the model sent to the log.
    logLevel: 'off',
  })

  return async function* complete(prompt, { signal }) {
    const deadline = startDeadline(options, signal)
    try {
      const stream = await client.chat.completions.create(
        {
          model: options.model,
          messages: prompt,
          stream: true,
          [options.maxTokensField]: options.maxCompletionTokens,
          ...(options.streamUsage && { stream_options: { include_usage: true } }),
        },
        { signal: deadline.signal },
      )
      for await (const part of stream) {
        const chunk = toChunk(part)
        deadline.heard(chunk.text !== undefined)
        yield chunk
      }
      // An abort in mid-stream ends the package's loop without a word.
      deadline.signal.throwIfAborted()
    } catch (error) {
      throw deadline.signal.aborted ? deadline.signal.reason : toProblem(error, deadline.begun())
    } finally {
      deadline.end()
    }
  }
}

/** The package's own timeout ends with the headers: a stall in mid-stream is ours to notice. */
function startDeadline(options: OpenaiOptions, outer: AbortSignal) {
  const own = new AbortController()
  const late = (detail: string) => () => own.abort(new Problem('model_timeout', { detail }))
  const whole = setTimeout(late('The reply took too long'), options.timeoutMs)
  let pause = setTimeout(late('The reply did not begin in time'), options.firstTokenTimeoutMs)
  let begun = false
  return {
    signal: AbortSignal.any([outer, own.signal]),
    heard(text: boolean) {
      begun ||= text
      if (!begun) return
      clearTimeout(pause)
      pause = setTimeout(late('The reply stalled'), options.idleTimeoutMs)
    },
    /** Whether there was text. */
    begun: () => begun,
    end() {
      clearTimeout(whole)
      clearTimeout(pause)
    },
  }
}

/** What compatible servers send differs from the types: nothing of it is taken on trust. */
function toChunk(part: OpenAI.ChatCompletionChunk): CompletionChunk {
  const choice = part.choices?.[0]
  const text = choice?.delta?.content ?? choice?.delta?.refusal
  const finishReason: unknown = choice?.finish_reason
  const usage = toUsage(part.usage)
  return {
    ...(typeof text === 'string' && text !== '' && { text }),
    ...(typeof finishReason === 'string' && finishReason !== '' && { finishReason }),
    ...(usage !== undefined && { usage }),
  }
}

function toUsage(usage: OpenAI.CompletionUsage | null | undefined): CompletionUsage | undefined {
  const promptTokens = usage?.prompt_tokens
  const completionTokens = usage?.completion_tokens
  if (!isCount(promptTokens) || !isCount(completionTokens)) return undefined
  const reasoningTokens = usage?.completion_tokens_details?.reasoning_tokens
  return {
    promptTokens,
    completionTokens,
    reasoningTokens: isCount(reasoningTokens) ? Math.min(reasoningTokens, completionTokens) : 0,
  }
}

/** More than any model reads, and few enough that their sums and differences fit in 32 bits. */
const mostTokens = 500_000_000

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= mostTokens
}

function toProblem(cause: unknown, begun: boolean): Problem {
  if (!(cause instanceof OpenAI.APIError))
    return new Problem('model_unavailable', { hint: nonsense, cause })
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
 * An HTTP error, or no answer at all: nothing was written. (A connection that was refused looks like one that broke
 * before the answer began, when the model may have been at work; it counts as nothing too, or an outage would use up
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
