import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { ChatMessage, ChatRequest } from './chat-request.ts'

/** What the server is about to do, step by step. A fault is a function from one to another. */
export interface Reply {
  readonly promptTokens: number
  /** Counted from the deltas unless the text was cut at `max_tokens`. */
  readonly completionTokens: number | undefined
  /** Answered instead of a completion: an error, or something that is not even an answer. */
  readonly instead: PlainResponse | undefined
  readonly steps: readonly Step[]
  /** Between two content deltas. */
  readonly delayMs: number
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
 * `raw` is the data of one event, as is; `empty` are chunks that say nothing, as some providers
 * send them; `hang` waits until the client leaves.
 */
export type Step =
  | SentStep
  | { readonly kind: 'hang' | 'destroy' }
  | { readonly kind: 'wait'; readonly ms: number }

type SentStep =
  | { readonly kind: 'role' | 'empty' | 'usage' | 'done' }
  | { readonly kind: 'content'; readonly content: string }
  | { readonly kind: 'finish'; readonly reason: 'stop' | 'length' }
  | { readonly kind: 'raw'; readonly data: string }

/** The reply that says `text`, cut at the request's limit of tokens. */
export async function composeReply(
  request: ChatRequest,
  text: string,
  delayMs: number,
): Promise<Reply> {
  const { content, tokens, isCut } = await cutToTokens(text, request.maxTokens)
  return {
    promptTokens: await countPromptTokens(request.messages),
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
    lineEnd: '\n',
    splitCharacters: false,
  }
}

export function contentSteps(deltas: readonly string[]): Step[] {
  return deltas.map((content) => ({ kind: 'content', content }))
}

/** Word by word as a tokenizer would, the space before its word; never inside a surrogate pair. */
export function splitIntoWords(text: string): string[] {
  return text.match(/\s*\S{1,16}|\s+$/gu) ?? []
}

/**
 * Exactly o200k's count. A special token such as `<|endoftext|>` in a text is ordinary text, as it
 * is for the API.
 */
async function countTokens(text: string): Promise<number> {
  // 2 MB of vocabulary: loaded by the first request, not by whoever imports this.
  const tokenizer = await import('gpt-tokenizer/encoding/o200k_base')
  return tokenizer.countTokens(text, { disallowedSpecial: new Set() })
}

/** OpenAI's overhead: 4 a message, 3 for the reply. */
async function countPromptTokens(messages: readonly ChatMessage[]): Promise<number> {
  const counts = await Promise.all(messages.map(({ content }) => countTokens(content)))
  return counts.reduce((sum, count) => sum + count + 4, 3)
}

/**
 * The longest beginning of `text` that has at most `maxTokens`. Found by counting, since
 * gpt-tokenizer's `decode` keeps half a character for its next caller. Where a character is
 * several tokens the beginning may have fewer: the limit is reported, as a provider does that
 * spent them on half of it.
 */
async function cutToTokens(text: string, maxTokens: number | undefined) {
  const tokens = await countTokens(text)
  if (maxTokens === undefined || tokens <= maxTokens) {
    return { content: text, tokens, isCut: false }
  }
  const characters = Array.from(text)
  let fits = 0
  let tooLong = characters.length
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2)
    if ((await countTokens(characters.slice(0, middle).join(''))) <= maxTokens) fits = middle
    else tooLong = middle
  }
  return { content: characters.slice(0, fits).join(''), tokens: maxTokens, isCut: true }
}

/**
 * Performs the steps, as server-sent events or as one JSON body. A JSON body that is broken off
 * ends in its middle.
 *
 * @param signal aborted when the client is gone; ends every wait, by rejecting
 * @param observer told of each content delta sent, and before the connection is destroyed
 */
export async function sendReply(
  reply: Reply,
  request: ChatRequest,
  response: ServerResponse,
  signal: AbortSignal,
  observer: { readonly onContent: () => void; readonly onDestroy: () => void },
): Promise<void> {
  if (reply.instead) {
    const { status, headers, body } = reply.instead
    response.writeHead(status, headers).end(body)
    return
  }

  const sink = request.stream
    ? eventStream(reply, request, response, signal)
    : jsonBody(reply, request, response)
  let isFirst = true
  for (const step of reply.steps) {
    switch (step.kind) {
      case 'wait':
        await sleep(step.ms, undefined, { signal })
        break
      case 'hang':
        sink.breakOff()
        if (!signal.aborted) await once(signal, 'abort')
        return
      case 'destroy':
        sink.breakOff()
        observer.onDestroy()
        response.socket?.destroySoon()
        return
      case 'content':
        if (!isFirst && reply.delayMs > 0) await sleep(reply.delayMs, undefined, { signal })
        isFirst = false
        await sink.send(step)
        observer.onContent()
        break
      default:
        await sink.send(step)
    }
  }
  await sink.end()
}

interface Sink {
  send(step: SentStep): Promise<void>
  /** Sends what there is, without an end. */
  breakOff(): void
  end(): Promise<void>
}

function eventStream(
  reply: Reply,
  request: ChatRequest,
  response: ServerResponse,
  signal: AbortSignal,
): Sink {
  const identity = identify('chat.completion.chunk', request)
  let text = ''

  const chunk = (choices: readonly object[], usage: object | null = null) =>
    JSON.stringify({ ...identity, choices, ...(request.includeUsage && { usage }) })
  const choice = (delta: object, finishReason: string | null = null) =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason: finishReason }])

  async function dataOf(step: SentStep): Promise<string[]> {
    switch (step.kind) {
      case 'role':
        return [choice({ role: 'assistant', content: '', refusal: null })]
      case 'content':
        text += step.content
        return [choice({ content: step.content })]
      case 'empty':
        return [chunk([]), choice({}), choice({ content: '' }), choice({ content: null })]
      case 'finish':
        return [choice({}, step.reason)]
      case 'usage':
        return request.includeUsage ? [chunk([], await usageOf(reply, text))] : []
      case 'done':
        return ['[DONE]']
      case 'raw':
        return [step.data]
      default:
        return step satisfies never
    }
  }

  return {
    async send(step) {
      if (!response.headersSent) {
        response.writeHead(200, {
          'content-type': 'text/event-stream; charset=utf-8',
          'cache-control': 'no-cache',
        })
      }
      for (const data of await dataOf(step)) {
        const event = Buffer.from(`data: ${data}${reply.lineEnd.repeat(2)}`)
        const cut = reply.splitCharacters ? event.findIndex((byte) => byte > 0x7f) + 1 : 0
        const parts = cut > 0 ? [event.subarray(0, cut), event.subarray(cut)] : [event]
        for (const part of parts) {
          signal.throwIfAborted()
          if (!response.write(part)) await once(response, 'drain', { signal })
          // Lets the part leave, and a disconnect be noticed, before the next one.
          await nextTurn(undefined, { signal })
        }
      }
    },
    breakOff() {},
    async end() {
      response.end()
    },
  }
}

function jsonBody(reply: Reply, request: ChatRequest, response: ServerResponse): Sink {
  let text = ''
  let finishReason: string | null = null
  let hasUsage = false
  let isDone = false
  let raw: string | undefined

  function body(usage?: object): string {
    const message = { role: 'assistant', content: text, refusal: null }
    const choices = [{ index: 0, message, logprobs: null, finish_reason: finishReason }]
    return raw ?? JSON.stringify({ ...identify('chat.completion', request), choices, usage })
  }

  const headers = { 'content-type': 'application/json' }
  const sink: Sink = {
    async send(step) {
      if (step.kind === 'content') text += step.content
      if (step.kind === 'finish') finishReason = step.reason
      if (step.kind === 'usage') hasUsage = true
      if (step.kind === 'done') isDone = true
      if (step.kind === 'raw') raw = step.data
    },
    breakOff() {
      if (text === '') return
      response.writeHead(200, headers)
      response.write(body().slice(0, -20))
    },
    async end() {
      if (isDone || raw !== undefined) {
        response.writeHead(200, headers)
        response.end(body(hasUsage ? await usageOf(reply, text) : undefined))
      } else {
        sink.breakOff()
        response.end()
      }
    },
  }
  return sink
}

function identify(object: string, { model }: ChatRequest) {
  const id = `chatcmpl-${randomUUID().replaceAll('-', '')}`
  const created = Math.floor(Date.now() / 1000)
  return { id, object, created, model, system_fingerprint: null }
}

async function usageOf({ promptTokens, completionTokens }: Reply, text: string) {
  const counted = completionTokens ?? (await countTokens(text))
  return {
    prompt_tokens: promptTokens,
    completion_tokens: counted,
    total_tokens: promptTokens + counted,
  }
}
