import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { afterEach, vi } from 'vitest'
import { listen } from '../../scripts/dev/listen.ts'
import type { ApiCallOptions } from '../../src/widget/client/api-call.ts'
import { createChatClient, type Turn } from '../../src/widget/client/chat-client.ts'
import { runTurn, type TurnRun, type TurnUpdate } from '../../src/widget/client/run-turn.ts'
import { createSiteStore, type SiteStore } from '../../src/widget/client/site-store.ts'

export interface SeenRequest {
  route: string
  headers: IncomingHttpHeaders
  body: Record<string, unknown>
}

export type Answer = (response: ServerResponse) => void

export const turn: Turn = { id: '6f2c9e0a-0000-4000-8000-000000000001', message: 'Hello' }

const reply = { id: 'r', seq: 2, role: 'assistant', content: 'Hi you', status: 'complete' }

// The events of one stream, as text.
export const started =
  'event: turn.started\ndata: {"session_id":"s1","message":{"seq":1},"reply_id":"r"}\n\n'
export const completed = `event: turn.completed\ndata: ${JSON.stringify({ reply })}\n\n`
/** A piece of a reply, after the text `before`. */
export const delta = (text: string, before = '') =>
  `event: delta\nid: ${before.length + text.length}\ndata: ${JSON.stringify({ text })}\n\n`
export const failedTurn = (problem: Record<string, unknown>) =>
  `event: turn.failed\ndata: ${JSON.stringify({ title: 'T', ...problem })}\n\n`

export const streamHeaders = { 'content-type': 'text/event-stream; charset=utf-8' }

/** A stream of these events that ends as it should. */
export function events(...parts: string[]): Answer {
  return (response) => response.writeHead(200, streamHeaders).end(parts.join(''))
}

/** A stream whose connection is lost after these events. */
export function dropped(...parts: string[]): Answer {
  return (response) => {
    response.writeHead(200, streamHeaders).write(parts.join(''), () => response.destroy())
  }
}

export function refused(
  status: number,
  code: string,
  headers: Record<string, string> = {},
): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers })
    response.end(JSON.stringify({ status, code, title: `Title of ${code}` }))
  }
}

export const whole = events(started, delta('Hi'), delta(' you', 'Hi'), completed)

/**
 * Servers of the API for one test file, closed after each test. `serve` starts one with these answers to chat and
 * session requests, in order; the last answer repeats. Each visitor gets a token.
 */
export function setUpScriptedApi() {
  const closers: (() => void)[] = []
  vi.stubGlobal('localStorage', undefined)
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })

  return async function serve(answers: Answer[], options: Partial<ApiCallOptions> = {}) {
    const seen: SeenRequest[] = []
    /** Every pause of the client, in milliseconds. None is slept. */
    const waits: number[] = []
    let visitors = 0
    const server = createServer(async (request, response) => {
      const body = await readText(request)
      const route = `${request.method} ${request.url}`
      seen.push({ route, headers: request.headers, body: body ? JSON.parse(body) : {} })
      if (route === 'POST /v1/visitors') {
        response.writeHead(201, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ visitor_token: `vst_${++visitors}` }))
        return
      }
      const answer = answers.length > 1 ? answers.shift() : answers[0]
      answer?.(response)
    })
    const url = `http://127.0.0.1:${await listen(server)}`
    closers.push(() => {
      server.closeAllConnections()
      server.close()
    })
    const store = options.store ?? createSiteStore(url)
    const client = createChatClient({ server: url, store, ...options })
    const run = async (what: Turn = turn, joined?: TurnRun['reply']) => {
      const updates: TurnUpdate[] = []
      const { signal } = new AbortController()
      const sleep = async (ms: number) => void waits.push(ms)
      for await (const update of runTurn(client, what, { signal, reply: joined, sleep })) {
        updates.push(update)
      }
      return updates
    }
    const chats = () => seen.filter(({ route }) => route === 'POST /v1/chat')
    /** From which character each request joined the reply. */
    const joins = () =>
      seen
        .filter(({ route }) => route === 'GET /v1/sessions/s1/messages/r/stream')
        .map(({ headers }) => Number(headers['last-event-id']))
    return { seen, waits, store, client, run, chats, joins }
  }
}

export function storeWith(entries: { token?: string; session?: string }): SiteStore {
  const store = createSiteStore('')
  store.set('token', entries.token)
  store.set('session', entries.session)
  return store
}

/** Each update in a word or two; the text of a reply as it stands. */
export function steps(updates: TurnUpdate[]): string[] {
  return updates.map((update) => {
    if (update.type === 'text') return update.text
    return update.type === 'waiting' ? update.for : update.type
  })
}
