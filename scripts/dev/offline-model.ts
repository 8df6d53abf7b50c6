import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { listen } from './listen.ts'
import { answer } from './offline-model/answer.ts'
import {
  ApiError,
  type ChatMessage,
  type ChatRequest,
  parseChatRequest,
} from './offline-model/chat-request.ts'
import { readContinued, restOf } from './offline-model/continue.ts'
import { errorResponse } from './offline-model/error-responses.ts'
import { parseFaults, parseWantedReply, withoutDirectives } from './offline-model/faults.ts'
import { answerOther } from './offline-model/other-routes.ts'
import { createPromptCache } from './offline-model/prompt-cache.ts'
import { splitReminder } from './offline-model/reminder.ts'
import { composeReply, type PlainResponse } from './offline-model/reply.ts'
import { sendReply } from './offline-model/send-reply.ts'

export interface OfflineModelOptions {
  /** 0, the default, is any free port. */
  readonly port?: number
  readonly host?: string
  /** `reading` sends some 33 words a second; `instant`, the default, waits for nothing. */
  readonly pace?: 'reading' | 'instant'
  /** Whether a message may request a fault or an exact reply (see `faults.ts`). Default true, so anybody can try them by hand. */
  readonly faults?: boolean
  /** Whether to keep `requests`. Default true; a server that runs for days should not keep them. */
  readonly record?: boolean
  /** Called with each request after its body is read, before the answer. */
  readonly onRequest?: (request: RecordedRequest) => void
}

export interface RecordedRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<IncomingHttpHeaders>
  /** The parsed JSON; undefined if the body is not JSON. */
  readonly body: unknown
  /** The conversation; empty if the request was refused as malformed. */
  readonly messages: readonly ChatMessage[]
  /** Content deltas sent so far. */
  readonly deltasSent: number
  /** The client left before the end of the answer. */
  readonly aborted: boolean
}

export interface OfflineModel {
  /** `http://127.0.0.1:PORT/v1`, as `OPENAI_BASE_URL` wants it. */
  readonly baseUrl: string
  /** All requests to all routes, in the order in which their bodies arrived. */
  readonly requests: readonly RecordedRequest[]
  /** Forgets the requests, how often each fault was met, and the prompts of its cache. */
  clear(): void
  /** Breaks off the replies that are still running. */
  close(): Promise<void>
}

const readingDelayMs = 30

/**
 * Starts an OpenAI-compatible model server that needs no network and no key. It says openly that it is not a language
 * model: it answers from the messages that it receives.
 *
 * @example
 * const model = await startOfflineModel()
 * const openai = new OpenAI({ apiKey: 'none', baseURL: model.baseUrl })
 */
export async function startOfflineModel({
  port = 0,
  host = '127.0.0.1',
  pace = 'instant',
  faults = true,
  record = true,
  onRequest,
}: OfflineModelOptions = {}): Promise<OfflineModel> {
  const requests: RecordedRequest[] = []
  const timesMet = new Map<string, number>()
  const promptCache = createPromptCache()

  async function complete(chat: ChatRequest) {
    const continued = readContinued(chat.messages)
    const messages = continued?.messages ?? chat.messages
    const newest = messages.findLast(({ role }) => role === 'user')?.content ?? ''
    // A directive in a quotation of an earlier message has had its effect.
    const { message: asked } = splitReminder(newest)
    const directives = faults ? parseFaults(asked) : []
    const wanted = faults ? parseWantedReply(asked) : undefined
    const clean = faults ? forgetDirectives : undefined
    const delayMs = pace === 'reading' ? readingDelayMs : 0

    const whole = wanted ?? answer(messages, clean)
    const text = continued ? restOf(whole, continued.soFar) : whole
    let reply = await composeReply(chat, text, delayMs)
    for (const { source, times, meets, apply } of directives) {
      if (meets !== 'both' && meets !== (continued ? 'continue' : 'message')) continue
      const met = timesMet.get(source) ?? 0
      if (met >= times) continue
      timesMet.set(source, met + 1)
      reply = apply(reply)
    }
    // A prompt that is refused is not read.
    if (reply.instead) return reply
    const cachedTokens = await promptCache.meet(chat.messages, reply.promptTokens)
    return { ...reply, cachedTokens }
  }

  async function respond(request: IncomingMessage, response: ServerResponse) {
    const { method = 'GET', url = '/', headers } = request
    const path = url.split('?', 1)[0] ?? url
    const body = parseJson(await readText(request))
    const chat =
      method === 'POST' && path === '/v1/chat/completions' ? tryParseChat(body) : undefined
    const messages = chat && 'messages' in chat ? chat.messages : []
    const seen = { method, path, headers, body, messages, deltasSent: 0, aborted: false }
    if (record) requests.push(seen)
    onRequest?.(seen)

    const gone = new AbortController()
    let isOver = false
    response.on('finish', () => (isOver = true))
    response.on('close', () => {
      seen.aborted = !isOver
      gone.abort()
    })

    if (chat === undefined) return sendPlain(response, answerOther(method, path))
    try {
      if (chat instanceof ApiError) throw chat
      await sendReply(await complete(chat), chat, response, gone.signal, {
        onContent: () => (seen.deltasSent += 1),
        onDestroy: () => (isOver = true),
      })
    } catch (error) {
      if (gone.signal.aborted) return
      if (!(error instanceof ApiError)) throw error
      sendPlain(response, errorResponse(error))
    }
  }

  const server = createServer((request, response) => {
    // A write may fail because the client has just left; the handler of 'close' deals with that.
    response.on('error', () => {})
    respond(request, response).catch((error: unknown) => {
      if (request.readableAborted) return
      console.error('offline model:', error)
      response.destroy()
    })
  })
  // The server never closes an idle connection: a client that is about to use it would see a reset.
  server.keepAliveTimeout = 0
  const listeningPort = await listen(server, port, host)

  return {
    baseUrl: `http://${host}:${listeningPort}/v1`,
    requests,
    clear() {
      requests.length = 0
      timesMet.clear()
      promptCache.clear()
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** A directive is not part of what the visitor said. A message that holds nothing else stays as it is. */
function forgetDirectives(text: string): string {
  return withoutDirectives(text) || text
}

function tryParseChat(body: unknown): ChatRequest | ApiError {
  try {
    return parseChatRequest(body)
  } catch (error) {
    if (error instanceof ApiError) return error
    throw error
  }
}

function sendPlain(response: ServerResponse, { status, headers, body }: PlainResponse) {
  response.writeHead(status, headers).end(body)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
