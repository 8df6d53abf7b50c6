import type { Message, Metadata, Page } from '../../protocol.ts'
import { type ApiCall, type ApiCallOptions, createApiCall } from './api-call.ts'
import { ChatFailure, networkFailure } from './chat-failure.ts'
import { readEventStream, type ServerSentEvent } from './event-stream.ts'

/** What a retry must repeat to be the same turn. */
export interface Turn {
  id: string
  message: string
  contextText?: string | undefined
  metadata?: Metadata | undefined
  /** The reply that another one is to replace. */
  regenerate?: string | undefined
}

export type Rating = 'up' | 'down'

/** Every method throws a ChatFailure where the server refused or could not be reached. */
export interface ChatClient {
  /** The session of the next turn; `undefined`: a new one. */
  sessionId: () => string | undefined
  /** The page that the query names, by default the newest; `undefined` where there is no session (any more). */
  readMessages(query: string, signal: AbortSignal): Promise<Page<Message> | undefined>
  /** One attempt at a turn: the events of its stream, which may also just end. */
  streamTurn(turn: Turn, signal: AbortSignal): AsyncGenerator<ServerSentEvent, void, undefined>
  /** A reply from a place in its text on; the stream may just end. */
  joinReply(
    reply: { id: string; from: number },
    signal: AbortSignal,
  ): AsyncGenerator<ServerSentEvent, void, undefined>
  stopReply(): Promise<void>
  rateReply(id: string, rating: Rating | null): Promise<void>
  call: ApiCall
  /** Whether the server could know who is calling. */
  hasToken: () => boolean
  /** Without an id, the next turn begins a new session. */
  enterSession(id: string | undefined, visitorToken?: string): void
  /** Leaves a session that the server does not know; false for any other failure. */
  forget(failure: ChatFailure): boolean
  /** Whether the visitor's token is what the failure is about: only a new visitor gets further. */
  isUnknownVisitor(failure: ChatFailure): boolean
  /** Gives up token and session. */
  becomeNewVisitor(): void
}

export interface ChatClientOptions extends ApiCallOptions {
  /** A connection that says nothing for so long is lost; the server comments every 15 s. */
  silenceMs?: number
}

/** Who stops a reply is not kept waiting by a network that is silent. */
const stopTimeoutMs = 3000

/** Speaks to the Worker for one visitor; knows no DOM. */
export function createChatClient(options: ChatClientOptions): ChatClient {
  const { store, silenceMs = 45_000, userToken } = options
  const call = createApiCall(options)
  let sessionId = store.get('session')

  const pathOf = (id: string | undefined) => `/v1/sessions/${encodeURIComponent(id ?? '')}`

  const hasToken = () => userToken !== undefined || store.get('token') !== undefined

  /** Before the first turn, so that a retry of that turn comes from the same visitor. */
  async function ensureToken(signal: AbortSignal): Promise<void> {
    if (hasToken()) return
    const response = await call('POST', '/v1/visitors', { signal })
    const { visitor_token } = await readJson<{ visitor_token?: unknown }>(response)
    if (typeof visitor_token !== 'string') throw networkFailure()
    // Another tab may have been quicker: its token is the visitor's, then.
    if (store.get('token') === undefined) store.set('token', visitor_token)
  }

  async function* readEvents(
    open: (signal: AbortSignal) => Promise<Response>,
    signal: AbortSignal,
  ): AsyncGenerator<ServerSentEvent, void, undefined> {
    const silence = new AbortController()
    const hangUp = () => silence.abort()
    let timer = setTimeout(hangUp, silenceMs)
    try {
      const response = await open(AbortSignal.any([signal, silence.signal]))
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
      if (!isStream || !response.body) throw networkFailure()
      yield* readEventStream(response.body, () => {
        clearTimeout(timer)
        timer = setTimeout(hangUp, silenceMs)
      })
    } finally {
      clearTimeout(timer)
    }
  }

  function enterSession(id: string | undefined, visitorToken?: string): void {
    sessionId = id
    store.set('session', id)
    if (visitorToken !== undefined) store.set('token', visitorToken)
  }

  function forget({ status, code }: ChatFailure): boolean {
    // Without a code the answer is not this API's: somebody's error page is no reason to forget.
    if (status !== 404 || code === '') return false
    enterSession(undefined)
    return true
  }

  return {
    sessionId: () => sessionId,

    async readMessages(query, signal) {
      if (sessionId === undefined) return undefined
      try {
        return await readJson(
          await call('GET', `${pathOf(sessionId)}/messages${query}`, { signal }),
        )
      } catch (error) {
        if (error instanceof ChatFailure && forget(error)) return undefined
        throw error
      }
    },

    streamTurn: ({ id, message, contextText, metadata, regenerate }, signal) =>
      readEvents(async (whileAlive) => {
        await ensureToken(whileAlive)
        return call('POST', '/v1/chat', {
          body: {
            session_id: sessionId,
            message_id: id,
            message,
            context_text: contextText,
            metadata,
            regenerate,
          },
          headers: { accept: 'text/event-stream' },
          signal: whileAlive,
        })
      }, signal),

    joinReply: ({ id, from }, signal) =>
      readEvents(
        (whileAlive) =>
          call('GET', `${pathOf(sessionId)}/messages/${encodeURIComponent(id)}/stream`, {
            headers: { 'last-event-id': String(from) },
            signal: whileAlive,
          }),
        signal,
      ),

    async stopReply() {
      const signal = AbortSignal.timeout(stopTimeoutMs)
      await call('POST', `${pathOf(sessionId)}/stop`, { body: {}, signal })
    },

    async rateReply(id, rating) {
      const path = `${pathOf(sessionId)}/messages/${encodeURIComponent(id)}/feedback`
      await call('PUT', path, { body: { rating } })
    },

    call,
    hasToken,
    enterSession,
    forget,
    isUnknownVisitor: ({ status, code }) => !userToken && status === 401 && code !== '',

    becomeNewVisitor() {
      store.set('token', undefined)
      enterSession(undefined)
    },
  }
}

async function readJson<Body>(response: Response): Promise<Body> {
  const body: Body = await response.json().catch(() => {
    throw networkFailure()
  })
  return body
}
