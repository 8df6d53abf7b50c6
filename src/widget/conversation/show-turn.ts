import type { Message } from '../../protocol.ts'
import type { ChatClient } from '../client/chat-client.ts'
import type { ChatFailure } from '../client/chat-failure.ts'
import { runTurn, type TurnRun, type Wait } from '../client/run-turn.ts'
import type { SiteStore } from '../client/site-store.ts'
import { noteOf } from '../panel/message-view.ts'
import type { Panel } from '../panel/panel.ts'
import type { Emit } from '../widget-types.ts'
import { explain } from '../words/explain.ts'
import { fill, type Words } from '../words/words.ts'
import { removePending } from './pending-turns.ts'
import type { ShownTurn, ShownTurns } from './shown-turns.ts'

export interface TurnSite {
  client: ChatClient
  store: SiteStore
  panel: Panel
  words: Words
  /** Dispatches an event on the element. */
  emit: Emit
}

export interface TurnOnScreen extends TurnRun {
  shown: ShownTurn
  turns: ShownTurns
  /** The server has stored the message. */
  onAccepted: (seq: number) => void
  /** The server will never accept this message: give it back to the visitor. */
  onRefused: (failure: ChatFailure) => void
}

const waitingNotes = {
  network: 'waitingForNetwork',
  connection: 'reconnecting',
  reply: 'stillRunning',
  limit: 'waitingForLimit',
} as const satisfies Record<Wait, keyof Words>

/** Runs a turn and shows its progress. If it ends in a failure that allows a retry, returns that failure. */
export async function showTurn(
  { client, store, words, emit, panel: { log, announce } }: TurnSite,
  { shown, turns, onAccepted, onRefused, ...run }: TurnOnScreen,
): Promise<ChatFailure | undefined> {
  const { turn, reply } = shown
  // The reply to replace. It stays on the screen until the new one has text.
  const before = turn.regenerate === undefined ? undefined : reply.stored()
  let hasText = false
  let isThinking = false
  let waitsFor: Wait | undefined
  let retryable: ChatFailure | undefined
  announce('')
  reply.setNote(before ? words.stillRunning : '')
  reply.setOpen(true)

  for await (const update of runTurn(client, turn, run)) {
    log.follow(() => {
      switch (update.type) {
        case 'accepted':
          shown.seq = update.seq
          removePending(store, turn.id)
          reply.setNote(before && !hasText ? words.stillRunning : '')
          onAccepted(update.seq)
          emit('reply-start', { session_id: client.sessionId()!, reply_id: update.replyId })
          break
        case 'thinking':
          if (hasText && before) reply.show(before)
          else if (hasText) reply.setText('')
          hasText = false
          reply.setNote(words.thinking)
          if (!isThinking) announce(words.thinking)
          isThinking = true
          break
        case 'text':
          if (!hasText || waitsFor) reply.setNote('')
          hasText = true
          waitsFor = undefined
          reply.setText(update.text)
          break
        case 'waiting': {
          const note = fill(words[waitingNotes[update.for]], Math.ceil(update.waitMs / 1000))
          reply.setNote(note)
          if (waitsFor !== update.for) announce(note)
          waitsFor = update.for
          break
        }
        case 'restarted':
          shown.seq = undefined
          turns.clearBefore(shown)
          log.setNotice(words.startedAnew)
          announce(words.startedAnew)
          break
        case 'completed':
          reply.setOpen(false)
          end(update.reply)
          break
        case 'failed':
          reply.setOpen(false)
          fail(update.failure)
          break
      }
    })
  }
  return retryable

  function end(stored: Message): void {
    reply.show(stored)
    announce([reply.readText(), noteOf(words, stored)].filter(Boolean).join(' '))
    emit('reply-end', { reply: stored })
  }

  function fail(failure: ChatFailure): void {
    if (failure.reply?.status === 'interrupted') {
      return end(failure.reply)
    }
    const message = explain(words, failure)
    const { code } = failure
    emit('error', { code, message, retryable: failure.retryable })
    if (failure.retryable) retryable = failure
    else if (shown.seq === undefined) return onRefused(failure)
    if (before && !hasText) reply.show(before)
    reply.setNote(message)
    announce(message)
  }
}
