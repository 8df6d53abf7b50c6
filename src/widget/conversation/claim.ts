import type { ApiCallOptions } from '../client/api-call.ts'
import { type ChatClient, createChatClient } from '../client/chat-client.ts'
import { asFailure } from '../client/chat-failure.ts'
import { runTurn } from '../client/run-turn.ts'
import type { SiteStore } from '../client/site-store.ts'
import { backoffMs, sleepUntilOnline } from '../client/sleep.ts'
import type { Panel } from '../panel/panel.ts'
import type { Draft } from './draft.ts'
import type { ShownTurns } from './shown-turns.ts'

interface UsersConversation extends ApiCallOptions {
  client: ChatClient
  panel: Panel
  draft: Draft
  turns: ShownTurns
  setSession: (id: string) => Promise<void>
  signal: AbortSignal
}

/** Loads `claim-sessions.ts` and calls it. A chunk of its own: most visitors never sign in. */
export async function claim(visitor: SiteStore, user: UsersConversation): Promise<void> {
  const { client, panel, draft, turns, setSession, signal, userToken: _, ...asVisitor } = user
  const { claimSessions } = await import('./claim-sessions.ts')
  await claimSessions({
    visitor,
    store: user.store,
    call: client.call,
    draft,
    show: (session) =>
      client.sessionId() === undefined && !turns.last()
        ? setSession(session)
        : panel.sessions.refresh(),
    signal,
    parts: {
      connect: (store) => createChatClient({ ...asVisitor, store }),
      asFailure,
      runTurn,
      backoffMs,
      sleep: sleepUntilOnline,
    },
  })
}
