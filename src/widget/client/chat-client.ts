import type { Message, Metadata, Page } from '../../protocol.ts'
import { type ApiCall, type ApiCallOptions, createApiCall, silenceMs } from './api-call.ts'
import { ChatFailure, networkFailure } from './chat-failure.ts'
import { readEventStream, type ServerSentEvent } from './event-stream.ts'

/** A turn. A retry must repeat all of it. */
export interface Turn {
  id: string
  message: string
  contextText?: string | undefined
  metadata?: Metadata | undefined
  /** The id of the reply to replace. */
  regenerate?: string | undefined
  /** The reply to continue, and the length of its text when the visitor asked for more. */
  continue?: ReplyPlace | undefined
}

/** A place in the text of a reply. */
export interface ReplyPlace {
  id: string
  /** In UTF-16 units. */
  from: number
}

export type Rating = 'up' | 'down'

/** Each request throws a ChatFailure if the server refused it or could not be reached. */
export interface ChatClient {
  /** The session of the next turn; undefined if the turn creates one. */
  sessionId: () => string | undefined
  /** The page that the query names, by default the newest; undefined if the session does not exist (any more). */
  readMessages(query: string, signal: AbortSignal): Promise<Page<Message> | undefined>
  /** Sends a turn once and yields the events of its stream. A lost stream may simply end. */
  streamTurn(turn: Turn, signal: AbortSignal): AsyncGenerator<ServerSentEvent, void, undefined>
  /** Yields the events of a running reply, from a place in its text on. A lost stream may simply end. */
  joinReply(
    place: ReplyPlace,
    signal: AbortSignal,
  ): AsyncGenerator<ServerSentEvent, void, undefined>
  stopReply(): Promise<void>
  rateReply(id: string, rating: Rating | null): Promise<void>
  call: ApiCall
  /** Whether the client has a credential. */
  hasToken: () => boolean
  /** Without an id, the next turn creates a new session. */
  enterSession(id: string | undefined, visitorToken?: string): void
  /** If the failure says that the session does not exist, leaves it and returns true. */
  forget(failure: ChatFailure): boolean
  /** Whether the server refused the visitor's token. Then only a new visitor can go on. */
  isUnknownVisitor(failure: ChatFailure): boolean
  /** Forgets token and session. */
  becomeNewVisitor(): void
}

/** The visitor does not wait longer for a stop request to arrive. */
const stopTimeoutMs = 3_000

/** Calls the Worker's API for one visitor. It knows no DOM. */
export function createChatClient(options: ApiCallOptions): ChatClient {
  const { store, userToken } = options
  const call = createApiCall(options)
  let sessionId = store.get('session')

  const sessionPath = () => `/v1/sessions/${encodeURIComponent(sessionId ?? '')}`

  const hasToken = () => userToken !== undefined || store.get('token') !== undefined

  /** Gets a token before the first turn, so that a retry of that turn comes from the same visitor. */
  async function ensureToken(signal: AbortSignal): Promise<void> {
    if (hasToken()) return
    const response = await call('POST', '/v1/visitors', { signal })
    const { visitor_token } = await readJson<{ visitor_token?: unknown }>(response)
    if (typeof visitor_token !== 'string') throw networkFailure()
    // Another tab may have stored a token in the meantime. Then that one counts.
    if (store.get('token') === undefined) store.set('token', visitor_token)
  }

  /** Opens a stream and yields its events, after one named `open`. Fails if the stream falls silent. */
  async function* readEvents(
    open: (signal: AbortSignal) => Promise<Response>,
    signal: AbortSignal,
  ): AsyncGenerator<ServerSentEvent, void, undefined> {
    const silence = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const expectMore = () => {
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), silenceMs)
    }
    const response = await open(AbortSignal.any([signal, silence.signal]))
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
    if (!isStream || !response.body) throw networkFailure()
    expectMore()
    try {
      yield { event: 'open', data: '', id: '' }
      yield* readEventStream(response.body, expectMore)
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
    // An answer without a code is not from this API but, for example, a proxy's error page.
    if (status !== 404 || code === '') return false
    enterSession(undefined)
    return true
  }

  return {
    sessionId: () => sessionId,

    async readMessages(query, signal) {
      if (sessionId === undefined) return undefined
      try {
        return await readJson(await call('GET', `${sessionPath()}/messages${query}`, { signal }))
      } catch (error) {
        if (error instanceof ChatFailure && forget(error)) return undefined
        throw error
      }
    },

    streamTurn: ({ id, message, contextText, metadata, regenerate, continue: place }, signal) =>
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
            continue: place?.id,
          },
          headers: { accept: 'text/event-stream', ...(place && textFrom(place)) },
          signal: whileAlive,
        })
      }, signal),

    joinReply: (place, signal) =>
      readEvents(
        (whileAlive) =>
          call('GET', `${sessionPath()}/messages/${encodeURIComponent(place.id)}/stream`, {
            headers: textFrom(place),
            signal: whileAlive,
          }),
        signal,
      ),

    async stopReply() {
      const signal = AbortSignal.timeout(stopTimeoutMs)
      await call('POST', `${sessionPath()}/stop`, { body: {}, signal })
    },

    async rateReply(id, rating) {
      const path = `${sessionPath()}/messages/${encodeURIComponent(id)}/feedback`
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

/** Asks for the text from this place on. */
const textFrom = ({ from }: ReplyPlace) => ({ 'last-event-id': String(from) })

async function readJson<Body>(response: Response): Promise<Body> {
  return response.json().catch(() => {
    throw networkFailure()
  }) as Promise<Body>
}
