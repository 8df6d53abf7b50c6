import type { ApiCall } from '../client/api-call.ts'
import type { ChatClient, Turn } from '../client/chat-client.ts'
import type { ChatFailure } from '../client/chat-failure.ts'
import type { runTurn } from '../client/run-turn.ts'
import type { SiteStore } from '../client/site-store.ts'
import type { backoffMs, sleepUntilOnline } from '../client/sleep.ts'
import type { Draft } from './draft.ts'
import { movePending, readPending, removePending } from './pending-turns.ts'

export interface ClaimSite {
  /** The visitor's entries in this browser, and the user's. */
  visitor: SiteStore
  store: SiteStore
  /** Calls the API as the user. */
  call: ApiCall
  /** The user's composer. */
  draft: Draft
  /** Shows a claimed session, if the user has no other on the screen. */
  show: (session: string) => Promise<void>
  signal: AbortSignal
  /** Parts of the conversation's chunk, so that this chunk is small. */
  parts: {
    connect: (store: SiteStore) => ChatClient
    asFailure: (error: unknown) => ChatFailure
    runTurn: typeof runTurn
    backoffMs: typeof backoffMs
    sleep: typeof sleepUntilOnline
  }
}

/**
 * Gives everything that the visitor has written in this browser to the signed-in user. Repeats it until it is done or
 * `signal` is aborted. Throws a ChatFailure if the server refuses it for good.
 *
 * A first turn without an answer is settled under the visitor's token before the claim. The id of its session depends
 * on the user, so a retry after the claim would be another turn, and the model would be paid twice.
 */
export async function claimSessions(site: ClaimSite): Promise<void> {
  const { visitor, call, signal, parts } = site
  for (let losses = 0; !signal.aborted; losses++) {
    try {
      const token = visitor.get('token')
      await settleFirstTurns(site, token)
      if (signal.aborted) return
      if (token !== undefined) {
        await call('POST', '/v1/sessions/claim', { body: { visitor_token: token }, signal })
      }
      return await moveIn(site)
    } catch (error) {
      const failure = parts.asFailure(error)
      if (signal.aborted) return
      if (!failure.retryable) {
        visitor.set('claim', undefined)
        throw failure
      }
      await parts.sleep(Math.max(failure.retryAfterMs ?? 0, parts.backoffMs(losses)), signal)
    }
  }
}

/** Sends each first turn again, until the server has stored it or refused it. Refused words go to the user's composer. */
async function settleFirstTurns(site: ClaimSite, token: string | undefined): Promise<void> {
  const { visitor, draft, signal } = site
  for (const { turn, isFresh } of readPending(visitor, undefined)) {
    // A message that waits for the visitor is not sent without them.
    const isStored = isFresh && token !== undefined && (await isStoredOnRetry(site, turn))
    if (signal.aborted) return
    if (!isStored) draft.giveBack(turn)
    removePending(visitor, turn.id)
  }
}

async function isStoredOnRetry(
  { visitor, signal, parts }: ClaimSite,
  turn: Turn,
): Promise<boolean> {
  let session: string | undefined
  const client = parts.connect({
    key: visitor.key,
    get: (name) => (name === 'session' ? undefined : visitor.get(name)),
    set: (name, value) => {
      if (name === 'session') session = value
      else visitor.set(name, value)
    },
  })
  for await (const update of parts.runTurn(client, turn, { signal })) {
    if (update.type === 'accepted') {
      // The visitor was in this session, unless they have opened another one since.
      if (visitor.get('session') === undefined) visitor.set('session', session)
      return true
    }
    if (update.type !== 'failed') continue
    if (update.failure.retryable) throw update.failure
    return false
  }
  return false
}

/** Moves what is left in the visitor's entries to the user's. The next visitor finds nothing. */
async function moveIn({ visitor, store, draft, show }: ClaimSite): Promise<void> {
  const session = visitor.get('session')
  const message = visitor.get('draft') ?? ''
  const contextText = visitor.get('quotation')
  if (message !== '' || contextText !== undefined) draft.giveBack({ message, contextText })
  movePending(visitor, store)
  for (const name of ['token', 'session', 'draft', 'quotation', 'claim'] as const) {
    visitor.set(name, undefined)
  }
  if (session !== undefined) await show(session)
}
