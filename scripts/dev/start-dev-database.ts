import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { DatabaseThreadReply } from './database-thread.ts'
import { DevError } from './dev-error.ts'

export interface DevDatabase {
  /** Resolves when the thread ends: with its error, or undefined. */
  ended: Promise<unknown>
  /** Rejects with a DevError if the folder is in use, a migration fails, or Postgres does not start. */
  ready: Promise<{ connectionString: string; endpoint: string; applied: string[] }>
  /** Before the database is ready, this ends it at once, which PGlite survives at any moment. */
  close(): Promise<void>
}

/**
 * Starts embedded Postgres in `dataDir`, with the migrations of `folder`, behind a local Neon endpoint. It has a thread of
 * its own: PGlite blocks the event loop while it works, and this process must still handle Ctrl-C.
 */
export function startDevDatabase(options: { dataDir: string; folder: string }): DevDatabase {
  const thread = new Worker(new URL('./database-thread.ts', import.meta.url), {
    workerData: options,
  })
  const ended = once(thread, 'exit').then(
    () => undefined,
    (error: unknown) => error,
  )
  let isReady = false
  const reply = async () => {
    const first = await Promise.race([once(thread, 'message'), ended])
    if (!Array.isArray(first)) {
      throw first ?? new DevError('the thread of Postgres has ended')
    }
    const answer = first[0] as DatabaseThreadReply
    if ('error' in answer) throw new DevError(answer.error)
    isReady = true
    return answer
  }
  return {
    ended,
    ready: reply(),
    close: async () => {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      if (isReady) thread.postMessage('close')
      else await thread.terminate()
      await ended
    },
  }
}
