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

/** Runs a turn and shows its progress. If it ends in a failure that allows a retry, returns that failure. */
export async function showTurn(
  { client, store, words, emit, panel: { log, announce } }: TurnSite,
  { shown, turns, onAccepted, onRefused, ...run }: TurnOnScreen,
): Promise<ChatFailure | undefined> {
  const { turn, reply } = shown
  const { continue: continued, regenerate } = turn
  // The reply to replace or to continue. It stays on the screen until there is new text.
  const before = continued || regenerate ? reply.stored() : undefined
  const waitingNote = before && !continued ? words.stillRunning : ''
  const heard = continued ? reply.readText() : ''
  let hasText = false
  let isThinking = false
  let waitsFor: Wait | undefined
  let retryable: ChatFailure | undefined
  announce('')
  log.follow(() => {
    reply.setNote(waitingNote)
    reply.setOpen(true)
  })

  for await (const update of runTurn(client, turn, continued ? { ...run, reply: before } : run)) {
    log.follow(() => {
      switch (update.type) {
        case 'accepted':
          shown.seq = update.seq
          removePending(store, turn.id)
          reply.setNote(hasText ? '' : waitingNote)
          onAccepted(update.seq)
          emit('reply-start', { session_id: client.sessionId()!, reply_id: update.replyId })
          break
        case 'thinking':
          if (hasText && before) reply.show(before)
          else if (hasText && !run.reply) reply.setText('')
          hasText = false
          reply.setNote(words.thinking)
          if (!isThinking) announce(words.thinking)
          isThinking = true
          break
        case 'joined':
          if (waitsFor) reply.setNote(hasText ? '' : waitingNote)
          waitsFor = undefined
          break
        case 'text':
          if (!hasText || waitsFor) reply.setNote('')
          hasText = true
          waitsFor = undefined
          reply.setText(update.text)
          break
        case 'waiting': {
          const note = fill(words[update.for], Math.ceil(update.waitMs / 1000))
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
    removePending(store, turn.id)
    reply.show(stored)
    announce(`${reply.readText().replace(heard, '')} ${noteOf(words, stored)}`.trim())
    emit('reply-end', { reply: stored })
  }

  function fail(failure: ChatFailure): void {
    const { code, reply: kept } = failure
    const isNews =
      !continued || code === 'interrupted' || (kept?.content.length ?? 0) > continued.from
    if (isNews && kept?.status === 'interrupted') return end(kept)
    const message = explain(words, failure)
    emit('error', { code, message, retryable: failure.retryable })
    if (continued) removePending(store, turn.id)
    // A continued reply that has an end to show offers "Continue" itself.
    if (continued ? hasText && !kept && failure.retryable : failure.retryable) retryable = failure
    else if (!continued && shown.seq === undefined) return onRefused(failure)
    const left = kept ?? (hasText ? undefined : before)
    if (left) reply.show(left, message)
    else reply.setNote(message)
    announce(message)
  }
}
