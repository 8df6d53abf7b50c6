import type { Deps } from './deps.ts'

/** What the middleware leaves for the routes. */
export interface AppEnv {
  Variables: {
    requestId: string
    /** Aborted once the client has left. */
    gone: AbortSignal
    deps: Deps
    /** Absent where the request bears no credential. */
    userId: string | undefined
  }
}
