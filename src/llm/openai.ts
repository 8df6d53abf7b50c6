import OpenAI from 'openai'
import type { ChatModel } from './chat-model.ts'
import { type Deadlines, startDeadline } from './deadline.ts'
import { fetchWithErrors } from './fetch-with-errors.ts'
import { toProblem } from './model-fault.ts'
import { readTexts } from './read-body.ts'
import { readParts } from './read-parts.ts'
import { startReply } from './reply.ts'
import { writesOnlyClosingTag } from './thinking-tags.ts'

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
    fetch: fetchWithErrors,
  })
  // A model goes on as its template makes it: what its last reply showed is the best guess for the next one.
  let isUnopenedLikely = writesOnlyClosingTag(options.model)

  return async function* complete(prompt, { signal, cacheKey }) {
    const deadline = startDeadline(options, signal)
    const reply = startReply(isUnopenedLikely)
    const body = {
      model: options.model,
      messages: prompt,
      stream: true as const,
      [options.maxTokensField]: options.maxCompletionTokens,
      ...(options.streamUsage && { stream_options: { include_usage: true } }),
      ...(cacheKey !== undefined && { prompt_cache_key: cacheKey }),
    }
    let fault: unknown
    try {
      const response = await client.chat.completions
        .create(body, { signal: deadline.signal })
        .asResponse()
      // The package's own reader ends at a frame that holds no chunk, and needs more CPU.
      for await (const parts of readParts(readTexts(bodyOf(response), deadline.signal))) {
        const chunk = reply.add(parts)
        deadline.heard(reply.hasBegun)
        yield chunk
        if (reply.isOver) break
      }
    } catch (error) {
      fault = error
    } finally {
      deadline.end()
    }
    yield reply.end(fault)
    isUnopenedLikely = reply.closedUnopened ?? isUnopenedLikely
    if (deadline.signal.aborted) throw deadline.signal.reason
    if (reply.fault !== undefined)
      throw toProblem(reply.fault, { hasBegun: reply.hasBegun, sent: Object.keys(body) })
  }
}

function bodyOf({ body }: Response): ReadableStream<Uint8Array> {
  if (body === null) throw new SyntaxError('The response has no body')
  return body
}
