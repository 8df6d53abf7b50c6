import type { ChatClient } from '../client/chat-client.ts'
import type { PanelActions } from '../panel/panel.ts'
import type { Draft } from './draft.ts'
import type { TurnRunner } from './turn-runner.ts'

interface ConversationActions extends Pick<PanelActions, 'send' | 'newSession' | 'openSession'> {
  save: Draft['save']
  /** Tells the other tabs that the session has changed. */
  tell: () => void
}

/** Everything that the visitor can do in the panel, by the part of the conversation that does it. */
export function createPanelActions(
  client: ChatClient,
  runner: TurnRunner,
  { save, send, tell, newSession, openSession }: ConversationActions,
): PanelActions {
  return {
    send,
    stopReply: () => void runner.stopReply(),
    regenerate: runner.regenerate,
    change: save,
    async rate(id, rating) {
      await client.rateReply(id, rating)
      tell()
    },
    newSession,
    hasToken: client.hasToken,
    call: client.call,
    currentSession: client.sessionId,
    openSession,
    sessionChanged(id, change) {
      if (change === 'deleted' && id === client.sessionId()) newSession()
      else tell()
    },
  }
}
