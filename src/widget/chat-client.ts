import type { Message, Metadata, Page } from '../protocol.ts'
import { ChatFailure, failureOf, networkFailure } from './chat-failure.ts'
import { readEventStream, type ServerSentEvent } from './event-stream.ts'
import type { SiteStore } from './site-store.ts'

/** What a retry must repeat to be the same turn. */
export type Turn = {
  id: string
  message: string
  contextText?: string | undefined
  metadata?: Metadata | undefined
}

export type ChatClient = {
  /**
   * The newest page of the session, or the one before a `seq`; `undefined` where there is no
   * session (any more). Throws a ChatFailure.
   */
  readHistory(options: { before?: number; signal: AbortSignal }): Promise<Page<Message> | undefined>
  /**
   * One attempt at a turn: the events of its stream. Throws a ChatFailure where the turn was
   * refused or the connection was lost; a stream may also just end.
   */
  streamTurn(turn: Turn, signal: AbortSignal): AsyncGenerator<ServerSentEvent, void, undefined>
  enterSession(sessionId: string, visitorToken: string | undefined): void
  /** The next turn begins a new session. */
  leaveSession(): void
  /** Forgets a session or a token that the server does not know; false for any other failure. */
  forget(failure: ChatFailure): boolean
}

export type ChatClientOptions = {
  /** Base URL of the Worker, without a slash at its end. */
  server: string
  store: SiteStore
  fetch?: typeof fetch
  /** A connection that says nothing for so long is lost; the server comments every 15 s. */
  silenceMs?: number
}

/** Speaks to the Worker for one visitor; knows no DOM. */
export function createChatClient(options: ChatClientOptions): ChatClient {
  const { server, store, silenceMs = 45_000 } = options
  const request = options.fetch ?? globalThis.fetch.bind(globalThis)
  // Each tab stays in its own session, whatever another tab stores meanwhile.
  let sessionId = store.get('session')

  async function call(path: string, init: RequestInit): Promise<Response> {
    const token = store.get('token')
    const headers = new Headers(init.headers)
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
    const response = await request(server + path, {
      ...init,
      headers,
      credentials: 'omit',
      cache: 'no-store',
    }).catch(() => {
      throw networkFailure()
    })
    if (!response.ok) throw await failureOf(response)
    return response
  }

  /** Before the first turn, so that a retry of that turn comes from the same visitor. */
  async function ensureToken(signal: AbortSignal): Promise<void> {
    if (store.get('token') !== undefined) return
    const response = await call('/v1/visitors', { method: 'POST', signal })
    const body: { visitor_token?: unknown } = await response.json().catch(() => ({}))
    if (typeof body.visitor_token !== 'string') throw networkFailure()
    // Another tab may have been quicker: its token is the visitor's, then.
    if (store.get('token') === undefined) store.set('token', body.visitor_token)
  }

  function leaveSession(): void {
    sessionId = undefined
    store.set('session', undefined)
  }

  return {
    async readHistory({ before, signal }) {
      if (sessionId === undefined) return undefined
      const query = before === undefined ? '' : `?before=${before}`
      try {
        const path = `/v1/sessions/${encodeURIComponent(sessionId)}/messages${query}`
        const response = await call(path, { signal })
        const page: Page<Message> = await response.json().catch(() => {
          throw networkFailure()
        })
        return page
      } catch (error) {
        if (error instanceof ChatFailure && this.forget(error)) return undefined
        throw error
      }
    },

    async *streamTurn(turn, signal) {
      const silence = new AbortController()
      const hangUp = () => silence.abort()
      let timer = setTimeout(hangUp, silenceMs)
      const whileAlive = AbortSignal.any([signal, silence.signal])
      try {
        await ensureToken(whileAlive)
        const response = await call('/v1/chat', {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
          body: JSON.stringify({
            session_id: sessionId,
            message_id: turn.id,
            message: turn.message,
            context_text: turn.contextText,
            metadata: turn.metadata,
          }),
          signal: whileAlive,
        })
        const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
        if (!isStream || !response.body) throw networkFailure()
        yield* readEventStream(response.body, () => {
          clearTimeout(timer)
          timer = setTimeout(hangUp, silenceMs)
        })
      } finally {
        clearTimeout(timer)
      }
    },

    enterSession(id, visitorToken) {
      sessionId = id
      store.set('session', id)
      if (visitorToken !== undefined) store.set('token', visitorToken)
    },

    leaveSession,

    forget({ status, code }) {
      // Without a code the answer is not this API's: somebody's error page is no reason to forget.
      if ((status !== 401 && status !== 404) || code === '') return false
      if (status === 401) store.set('token', undefined)
      leaveSession()
      return true
    },
  }
}
