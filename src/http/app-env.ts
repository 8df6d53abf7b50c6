import type { Deps } from '../deps.ts'
import type { LiveReplyObjects } from './live/live-replies.ts'

/** The part of Cloudflare's rate limiting binding that the Worker uses. */
export interface RateLimiter {
  limit(options: { key: string }): Promise<{ success: boolean }>
}

/** Bindings in wrangler.toml. Without a binding, its limit does not exist. */
export type RateLimiterName = 'ADDRESS_RATE_LIMITER' | 'USER_RATE_LIMITER' | 'JOIN_RATE_LIMITER'

/** Without it, or if it is empty, each reply is written in the Worker that opened its turn. */
export type LiveBindingName = 'LIVE_REPLIES'

/** Values that the middleware sets for the routes. */
export interface AppEnv {
  /** The settings are bindings too, but only `deps` reads them. */
  Bindings: { [Name in RateLimiterName]?: RateLimiter } & {
    [Name in LiveBindingName]?: LiveReplyObjects
  }
  Variables: {
    requestId: string
    /** Aborts when the client disconnects. */
    gone: AbortSignal
    deps: Deps
    /** Undefined if the request has no credential. */
    userId: string | undefined
    /** The size of the request's body; undefined if no route read it. */
    bodyBytes: number | undefined
  }
}
