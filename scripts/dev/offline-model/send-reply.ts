import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { ChatRequest } from './chat-request.ts'
import type { Reply, SentStep } from './reply.ts'
import { countTokens } from './token-count.ts'

/**
 * Performs the steps, as server-sent events or as one JSON body. A JSON body that breaks off ends in its middle.
 *
 * @param signal aborted when the client has left; every wait then rejects
 * @param observer called after each content delta, and before the connection is destroyed
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

  const sink =
    request.stream && reply.isStreamed
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
      case 'reasoning':
      case 'content':
        if (!isFirst && reply.delayMs > 0) await sleep(reply.delayMs, undefined, { signal })
        isFirst = false
        await sink.send(step)
        if (step.kind === 'content') observer.onContent()
        break
      default:
        await sink.send(step)
    }
  }
  await sink.end()
}

interface Sink {
  send(step: SentStep): Promise<void>
  /** Sends what there is so far, without an end. */
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
  let reasoning = ''

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
      case 'reasoning':
        reasoning += step.content
        return [choice({ reasoning_content: step.content })]
      case 'empty':
        return [chunk([]), choice({}), choice({ content: '' }), choice({ content: null })]
      case 'finish':
        return [choice({}, step.reason)]
      case 'usage':
        return request.includeUsage ? [chunk([], await usageOf(reply, text, reasoning))] : []
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
          // Lets the part leave before the next one, and lets a disconnect be noticed.
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
  let reasoning = ''
  let finishReason: string | null = null
  let hasUsage = false
  let isDone = false
  let raw: string | undefined

  function body(usage?: object): string {
    const message = {
      role: 'assistant',
      content: text,
      refusal: null,
      ...(reasoning !== '' && { reasoning_content: reasoning }),
    }
    const choices = [{ index: 0, message, logprobs: null, finish_reason: finishReason }]
    return raw ?? JSON.stringify({ ...identify('chat.completion', request), choices, usage })
  }

  const headers = { 'content-type': 'application/json' }
  const sink: Sink = {
    async send(step) {
      if (step.kind === 'content') text += step.content
      if (step.kind === 'reasoning') reasoning += step.content
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
        response.end(body(hasUsage ? await usageOf(reply, text, reasoning) : undefined))
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

async function usageOf(reply: Reply, text: string, reasoning: string) {
  const { promptTokens, cachedTokens, completionTokens } = reply
  const reasoningTokens = await countTokens(reasoning)
  const counted = (completionTokens ?? (await countTokens(text))) + reasoningTokens
  return {
    prompt_tokens: promptTokens,
    completion_tokens: counted,
    total_tokens: promptTokens + counted,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    ...(reasoningTokens > 0 && {
      completion_tokens_details: { reasoning_tokens: reasoningTokens },
    }),
  }
}
