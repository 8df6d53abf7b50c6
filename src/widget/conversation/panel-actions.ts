import type { ChatClient } from '../client/chat-client.ts'
import type { PanelActions } from '../panel/panel.ts'
import type { Draft } from './draft.ts'
import type { TurnRunner } from './turn-runner.ts'

interface ConversationActions extends Pick<
  PanelActions,
  'send' | 'newSession' | 'openSession' | 'explain' | 'words'
> {
  saveDraft: Draft['save']
  focus: () => void
  /** Tells the other tabs that the session has changed. */
  publish: () => void
}

/** Connects each action of the visitor with the part that performs it. */
export function createPanelActions(
  client: ChatClient,
  runner: TurnRunner,
  { saveDraft, focus, publish, newSession, ...others }: ConversationActions,
): PanelActions {
  return {
    ...others,
    stopReply: runner.stopReply,
    regenerate: runner.regenerate,
    continueReply() {
      // The pressed button disappears.
      focus()
      runner.continueReply()
    },
    change: saveDraft,
    async rate(id, rating) {
      await client.rateReply(id, rating)
      publish()
    },
    newSession,
    hasToken: client.hasToken,
    call: client.call,
    currentSession: client.sessionId,
    sessionChanged(id, change) {
      if (change === 'deleted' && id === client.sessionId()) newSession()
      else publish()
    },
  }
}
