import type { Message } from '../protocol.ts'
import type { ChatClient, Turn } from './chat-client.ts'
import type { ChatFailure } from './chat-failure.ts'
import type { MessageView } from './message-view.ts'
import type { Panel } from './panel.ts'
import { removePending } from './pending-turns.ts'
import { runTurn } from './run-turn.ts'
import type { SiteStore } from './site-store.ts'
import { explain, words } from './words.ts'

/** One turn on the screen: what was asked, and where its reply goes. */
export type ShownTurn = {
  turn: Turn
  question: MessageView
  reply: MessageView
  /** Whether the server is known to have the message; else it exists only here. */
  isStored: boolean
}

export type TurnSite = { client: ChatClient; store: SiteStore; panel: Panel }

/**
 * Runs a turn and shows what becomes of it. Returns the failure after which the same turn can be
 * tried again, if it ended in one.
 */
export async function showTurn(
  { client, store, panel: { log, composer, announce } }: TurnSite,
  shown: ShownTurn,
  signal: AbortSignal,
): Promise<ChatFailure | undefined> {
  const { turn, question, reply } = shown
  let retryable: ChatFailure | undefined
  announce('')
  reply.setNote('')
  reply.setOpen(true)

  for await (const update of runTurn(client, turn, signal)) {
    log.follow(() => {
      switch (update.type) {
        case 'accepted':
          shown.isStored = true
          removePending(store, turn.id)
          reply.setNote('')
          break
        case 'text':
          reply.setText(update.text)
          break
        case 'waiting':
          reply.setNote(update.for === 'reply' ? words.stillRunning : words.reconnecting)
          break
        case 'restarted':
          shown.isStored = false
          log.clearBefore(question)
          log.setNotice(words.startedAnew)
          break
        case 'completed':
          reply.setOpen(false)
          showReply(reply, update.reply)
          announce(reply.readText())
          break
        case 'failed':
          reply.setOpen(false)
          fail(update.failure)
          break
      }
    })
  }
  return retryable

  function fail(failure: ChatFailure): void {
    const isKept = failure.reply?.status === 'interrupted'
    if (failure.reply) showReply(reply, failure.reply)
    if (failure.retryable && !isKept) retryable = failure
    else if (!shown.isStored) return giveBack(failure)
    if (isKept) return announce(`${reply.readText()} ${words.interrupted}`)
    reply.setNote(explain(failure))
    announce(explain(failure))
  }

  /** The server will never take it as it is: the visitor can change it. */
  function giveBack(failure: ChatFailure): void {
    removePending(store, turn.id)
    log.remove(question)
    log.remove(reply)
    const typed = composer.readText()
    composer.setText(typed === '' ? turn.message : `${turn.message}\n${typed}`)
    store.set('draft', composer.readText())
    composer.setNotice(explain(failure))
  }
}

/** Shows a stored reply, and in words what it lacks. */
export function showReply(view: MessageView, reply: Message): void {
  view.setText(reply.content)
  view.setNote(noteOf(reply))
}

export function noteOf({ role, status }: Message): string {
  if (role === 'user') return ''
  if (status === 'interrupted') return words.interrupted
  return status === 'failed' ? words.noReply : ''
}
