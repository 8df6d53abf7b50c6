import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { answer } from './offline-model/answer.ts'
import { ApiError, parseChatRequest } from './offline-model/chat-request.ts'
import type { ChatMessage, ChatRequest } from './offline-model/chat-request.ts'
import {
  errorResponse,
  parseFaults,
  parseWantedReply,
  withoutDirectives,
} from './offline-model/faults.ts'
import { composeReply } from './offline-model/reply.ts'
import type { PlainResponse } from './offline-model/reply.ts'
import { sendReply } from './offline-model/send-reply.ts'

export interface OfflineModelOptions {
  /** 0, the default, is any free port. */
  readonly port?: number
  readonly host?: string
  /** `reading` sends some 33 words a second; `instant`, the default, waits for nothing. */
  readonly pace?: 'reading' | 'instant'
  /**
   * Whether a message may ask for a fault or for an exact reply (see `faults.ts`). Default true:
   * this is a toy on the loopback address, and trying them by hand is half its use.
   */
  readonly faults?: boolean
  /** Whether `requests` is kept. Default true; a server that runs for days wants false. */
  readonly record?: boolean
  /** Called with each request once its body is read, before it is answered. */
  readonly onRequest?: (request: RecordedRequest) => void
}

export interface RecordedRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<IncomingHttpHeaders>
  /** The parsed JSON; undefined when the body was none. */
  readonly body: unknown
  /** The conversation; empty where the request was refused as malformed. */
  readonly messages: readonly ChatMessage[]
  /** Content deltas sent so far. */
  readonly deltasSent: number
  /** The client left before the end of the answer. */
  readonly aborted: boolean
}

export interface OfflineModel {
  /** `http://127.0.0.1:PORT/v1`, as `OPENAI_BASE_URL` wants it. */
  readonly baseUrl: string
  /** All requests to whatever route, in the order in which their bodies came in. */
  readonly requests: readonly RecordedRequest[]
  /** Forgets the requests, and which faults have been met `times` times. */
  clear(): void
  /** Breaks off what is still being answered. */
  close(): Promise<void>
}

const readingDelayMs = 30

/**
 * Starts an OpenAI-compatible model server that needs no network and no key, and says openly that
 * it is no language model: it answers from the messages it is sent.
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

  async function complete(chat: ChatRequest) {
    const asked = chat.messages.findLast(({ role }) => role === 'user')?.content ?? ''
    const directives = faults ? parseFaults(asked) : []
    const wanted = faults ? parseWantedReply(asked) : undefined
    const said = faults ? chat.messages.map(forgetDirectives) : chat.messages
    const delayMs = pace === 'reading' ? readingDelayMs : 0

    let reply = await composeReply(chat, wanted ?? answer(said), delayMs)
    for (const { source, times, apply } of directives) {
      const met = timesMet.get(source) ?? 0
      if (met >= times) continue
      timesMet.set(source, met + 1)
      reply = apply(reply)
    }
    return reply
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
    // A write to a client that has just left; 'close' follows, and is dealt with.
    response.on('error', () => {})
    respond(request, response).catch((error: unknown) => {
      if (request.readableAborted) return
      console.error('offline model:', error)
      response.destroy()
    })
  })
  // Never closes an idle connection: a client that is about to use it would see a reset.
  server.keepAliveTimeout = 0
  const listeningPort = await listen(server, port, host)

  return {
    baseUrl: `http://${host}:${listeningPort}/v1`,
    requests,
    clear() {
      requests.length = 0
      timesMet.clear()
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** Directives are the tester's words, not the visitor's; a message of nothing else stays as is. */
function forgetDirectives(message: ChatMessage): ChatMessage {
  const content = withoutDirectives(message.content)
  return message.role === 'user' && content !== '' ? { ...message, content } : message
}

function tryParseChat(body: unknown): ChatRequest | ApiError {
  try {
    return parseChatRequest(body)
  } catch (error) {
    if (error instanceof ApiError) return error
    throw error
  }
}

function answerOther(method: string, path: string): PlainResponse {
  if (path === '/v1/models' && method === 'GET') {
    const offline = { id: 'offline', object: 'model', created: 0, owned_by: 'neon-chat-history' }
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ object: 'list', data: [offline] }),
    }
  }
  const isKnown = path === '/v1/models' || path === '/v1/chat/completions'
  return errorResponse(
    isKnown
      ? new ApiError(405, `Not allowed: ${method} ${path}.`, { code: 'method_not_supported' })
      : new ApiError(404, `Unknown request URL: ${method} ${path}.`, { code: 'unknown_url' }),
  )
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

/** The port, which is the asked one or, for 0, a free one. */
async function listen(server: Server, port: number, host: string): Promise<number> {
  await once(server.listen(port, host), 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}
