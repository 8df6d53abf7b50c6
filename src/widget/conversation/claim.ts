import { createChatClient } from '../client/chat-client.ts'
import { asFailure } from '../client/chat-failure.ts'
import { runTurn } from '../client/run-turn.ts'
import type { SiteStore } from '../client/site-store.ts'
import { backoffMs, sleepUntilOnline } from '../client/sleep.ts'
import type { ClaimSite } from './claim-sessions.ts'

/** Loads `claim-sessions.ts` and calls it. A chunk of its own: most visitors never sign in. */
export async function claim(visitor: SiteStore, site: Omit<ClaimSite, 'parts'>): Promise<void> {
  const { claimSessions } = await import('./claim-sessions.ts')
  const parts = {
    connect: createChatClient,
    asFailure,
    runTurn,
    backoffMs,
    sleep: sleepUntilOnline,
  }
  await claimSessions(visitor, { ...site, parts })
}
