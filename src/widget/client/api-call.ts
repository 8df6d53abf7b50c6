import type { UserTokenProvider } from '../widget-types.ts'
import { ChatFailure, failureOf, networkFailure } from './chat-failure.ts'
import type { SiteStore } from './site-store.ts'

export interface ApiCallOptions {
  /** Base URL of the Worker, without a slash at its end. */
  server: string
  store: SiteStore
  /** Called before each request, and once more after a 401. With it, no visitor token is used. */
  userToken?: UserTokenProvider | undefined
  fetch?: typeof fetch
}

/**
 * A connection without a byte for this time counts as lost. It is longer than any silence of a healthy Worker: 8 s for
 * the database and 30 s until the model's first token. On a stream it sends a comment every 15 s.
 */
export const silenceMs = 45_000

export type ApiCall = (
  method: string,
  path: string,
  init?: { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal },
) => Promise<Response>

/** Sends a request with the caller's credential. Throws a ChatFailure for every answer that is not ok. */
export function createApiCall(options: ApiCallOptions): ApiCall {
  const { server, store, userToken } = options
  const fetch = options.fetch ?? globalThis.fetch.bind(globalThis)

  async function tokenOf(): Promise<string | undefined> {
    if (!userToken) return store.get('token')
    let token: string | undefined
    try {
      token = await userToken()
    } catch {
      throw networkFailure()
    }
    if (token === undefined) throw new ChatFailure(401, { code: 'unauthorized' })
    return token
  }

  /** Gives the request up if the server does not answer. */
  async function send(url: string, request: RequestInit): Promise<Response> {
    const silence = new AbortController()
    const timer = setTimeout(() => silence.abort(), silenceMs)
    const signals = request.signal ? [request.signal, silence.signal] : [silence.signal]
    try {
      return await fetch(url, { ...request, signal: AbortSignal.any(signals) })
    } catch {
      throw networkFailure()
    } finally {
      clearTimeout(timer)
    }
  }

  return async (method, path, { body, headers, signal } = {}) => {
    const sendAs = (token: string | undefined) =>
      send(server + path, {
        method,
        headers: {
          ...headers,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        // Without a body this is undefined.
        body: JSON.stringify(body),
        signal: signal ?? null,
        credentials: 'omit',
        cache: 'no-store',
      })
    const token = await tokenOf()
    let response = await sendAs(token)
    if (response.status === 401 && userToken) {
      const fresh = await tokenOf()
      if (fresh !== token) response = await sendAs(fresh)
    }
    if (response.ok) return response
    const failure = await failureOf(response)
    if (failure.code === 'origin_not_allowed') {
      import('./report-origin.ts').then(
        ({ reportOrigin }) => reportOrigin(server),
        () => {},
      )
    }
    throw failure
  }
}
