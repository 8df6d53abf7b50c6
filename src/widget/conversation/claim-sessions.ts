import type { ApiCallOptions } from '../client/api-call.ts'
import type { ChatClient, createChatClient, Turn } from '../client/chat-client.ts'
import type { asFailure } from '../client/chat-failure.ts'
import type { runTurn } from '../client/run-turn.ts'
import type { SiteStore } from '../client/site-store.ts'
import type { backoffMs, sleepUntilOnline } from '../client/sleep.ts'
import type { Panel } from '../panel/panel.ts'
import type { Draft } from './draft.ts'
import { movePending, readPending, removePending } from './pending-turns.ts'
import type { ShownTurns } from './shown-turns.ts'

/** The user's conversation. */
export interface ClaimSite extends ApiCallOptions {
  client: ChatClient
  panel: Panel
  draft: Draft
  turns: ShownTurns
  setSession: (id: string) => Promise<void>
  signal: AbortSignal
  /** Functions of the conversation's chunk, so that this chunk is small. */
  parts: {
    connect: typeof createChatClient
    asFailure: typeof asFailure
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
 * @param visitor the visitor's entries in this browser
 */
export async function claimSessions(visitor: SiteStore, site: ClaimSite): Promise<void> {
  const { client, signal, parts } = site
  for (let losses = 0; !signal.aborted; losses++) {
    try {
      const token = visitor.get('token')
      await settleFirstTurns(visitor, site, token)
      if (signal.aborted) return
      if (token !== undefined) {
        await client.call('POST', '/v1/sessions/claim', { body: { visitor_token: token }, signal })
      }
      return await moveIn(visitor, site)
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
async function settleFirstTurns(
  visitor: SiteStore,
  site: ClaimSite,
  token: string | undefined,
): Promise<void> {
  const { draft, signal } = site
  for (const { turn, isFresh } of readPending(visitor, undefined)) {
    // A message that waits for the visitor is not sent without them.
    const isStored = isFresh && token !== undefined && (await isStoredOnRetry(visitor, site, turn))
    if (signal.aborted) return
    if (!isStored) draft.giveBack(turn)
    removePending(visitor, turn.id)
  }
}

async function isStoredOnRetry(
  visitor: SiteStore,
  { signal, parts, ...options }: ClaimSite,
  turn: Turn,
): Promise<boolean> {
  let session: string | undefined
  const store: SiteStore = {
    key: visitor.key,
    get: (name) => (name === 'session' ? undefined : visitor.get(name)),
    set: (name, value) => {
      if (name === 'session') session = value
      else visitor.set(name, value)
    },
  }
  const client = parts.connect({ ...options, store, userToken: undefined })
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
async function moveIn(
  visitor: SiteStore,
  { client, store, panel, draft, turns, setSession }: ClaimSite,
): Promise<void> {
  const session = visitor.get('session')
  const message = visitor.get('draft') ?? ''
  const contextText = visitor.get('quotation')
  if (message !== '' || contextText !== undefined) draft.giveBack({ message, contextText })
  movePending(visitor, store)
  for (const name of ['token', 'session', 'draft', 'quotation', 'claim'] as const) {
    visitor.set(name, undefined)
  }
  if (session === undefined) return
  // The user may have another one on the screen.
  if (client.sessionId() === undefined && !turns.last()) await setSession(session)
  else await panel.sessions.refresh()
}
