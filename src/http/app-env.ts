import type { Deps } from '../deps.ts'

/** Of Workers' rate limiting binding: what is used of it. */
export interface RateLimiter {
  limit(options: { key: string }): Promise<{ success: boolean }>
}

/** Bindings of wrangler.toml; without one there is no such limit. */
export type RateLimiterName = 'ADDRESS_RATE_LIMITER' | 'USER_RATE_LIMITER'

/** What the middleware leaves for the routes. */
export interface AppEnv {
  /** Beside the settings, which are read through `deps` alone. */
  Bindings: { [Name in RateLimiterName]?: RateLimiter }
  Variables: {
    requestId: string
    /** Aborted once the client has left. */
    gone: AbortSignal
    deps: Deps
    /** Absent where the request bears no credential. */
    userId: string | undefined
    /** Of the request, as read; absent where nobody read it. */
    bodyBytes: number | undefined
  }
}
