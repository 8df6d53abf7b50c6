import type { ChatRequest } from './chat-request.ts'
import { countPromptTokens, cutToTokens } from './token-count.ts'

/** The steps that the server is about to take. A fault is a function from one reply to another. */
export interface Reply {
  readonly promptTokens: number
  /** Those at the beginning of the prompt that an earlier prompt has too. */
  readonly cachedTokens: number
  /** Undefined: counted from the deltas. Set if the text was cut at `max_tokens`. */
  readonly completionTokens: number | undefined
  /** Sent instead of a completion: an error, or a page that is not an API response at all. */
  readonly instead: PlainResponse | undefined
  readonly steps: readonly Step[]
  /** Between two content deltas. */
  readonly delayMs: number
  /** Whether a request for a stream gets one, rather than one JSON object. */
  readonly isStreamed: boolean
  readonly lineEnd: '\n' | '\r'
  /** Writes each event in two parts, cut inside its first multi-byte character. */
  readonly splitCharacters: boolean
}

export interface PlainResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * `reasoning` is thinking in a member of its own; `raw` is the unchanged data of one event; `empty` is a chunk without content, as some providers send it; `hang` waits
 * until the client leaves.
 */
export type Step =
  | SentStep
  | { readonly kind: 'hang' | 'destroy' }
  | { readonly kind: 'wait'; readonly ms: number }

export type SentStep =
  | { readonly kind: 'role' | 'empty' | 'usage' | 'done' }
  | { readonly kind: 'content' | 'reasoning'; readonly content: string }
  | { readonly kind: 'finish'; readonly reason: string }
  | { readonly kind: 'raw'; readonly data: string }

/** A reply with this text, cut at the token limit of the request. */
export async function composeReply(
  request: ChatRequest,
  text: string,
  delayMs: number,
): Promise<Reply> {
  const { content, tokens, isCut } = await cutToTokens(text, request.maxTokens)
  return {
    promptTokens: await countPromptTokens(request.messages),
    cachedTokens: 0,
    completionTokens: tokens,
    instead: undefined,
    steps: [
      { kind: 'role' },
      ...contentSteps(splitIntoWords(content)),
      { kind: 'finish', reason: isCut ? 'length' : 'stop' },
      { kind: 'usage' },
      { kind: 'done' },
    ],
    delayMs,
    isStreamed: true,
    lineEnd: '\n',
    splitCharacters: false,
  }
}

export function contentSteps(deltas: readonly string[]): Step[] {
  return deltas.map((content) => ({ kind: 'content', content }))
}

/** Splits a text into words as a tokenizer does, with the space before its word; never inside a surrogate pair. */
export function splitIntoWords(text: string): string[] {
  return text.match(/\s*\S{1,16}|\s+$/gu) ?? []
}
