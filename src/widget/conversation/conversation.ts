import { type ChatClientOptions, createChatClient } from '../client/chat-client.ts'
import type { ChatFailure } from '../client/chat-failure.ts'
import { randomUuid } from '../client/random-uuid.ts'
import type { SendOptions } from '../panel/composer.ts'
import { createMessageView, type ViewedMessage } from '../panel/message-view.ts'
import type { PanelActions } from '../panel/panel.ts'
import { explain } from '../words/explain.ts'
import type { Draft } from './draft.ts'
import { createHistory } from './history.ts'
import { createPanelActions } from './panel-actions.ts'
import { addPending, readPending, removePending } from './pending-turns.ts'
import type { TurnSite } from './show-turn.ts'
import { createShownTurns, type ShownTurn } from './shown-turns.ts'
import { createTabNews } from './tab-news.ts'
import { takeUpTurns } from './take-up-turns.ts'
import { createTurnRunner } from './turn-runner.ts'

export interface ConversationOptions extends Omit<TurnSite, 'client'>, ChatClientOptions {
  draft: Draft
}

export interface Conversation {
  /** What the visitor can do in the panel. */
  actions: PanelActions
  /** Shows what is stored and takes up a turn that was not finished. Never rejects. */
  restore: () => Promise<void>
  /** Resolves when the reply has ended, whichever way. */
  send: (text: string, options?: SendOptions) => Promise<void>
  newSession: () => void
  setSession: (id: string | undefined) => Promise<void>
  /** Listens no longer; the server finishes and keeps a running reply. */
  stop: () => void
}

/**
 * Connects the visitor's actions, the server and the panel. With all that it needs a file of its own, loaded when the
 * chat is first wanted: a page that is only looked at does without.
 */
export function createConversation(parts: ConversationOptions): Conversation {
  const { store, panel, words, emit, draft } = parts
  const client = createChatClient(parts)
  const { log, composer } = panel
  const site = { client, store, panel, words, emit }
  const createView = (message: ViewedMessage) =>
    createMessageView({ ...message, words, actions: () => actions })
  const turns = createShownTurns(log, createView)
  const history = createHistory(site, {
    createView,
    again: () => void restore(),
    anew: newSession,
  })
  const news = createTabNews(store, (id) => void hear(id))
  const runner = createTurnRunner(site, turns, { accepted, ended, refused })
  let scope = new AbortController()
  let isRestored = false
  let announced = client.sessionId()

  const actions = createPanelActions(client, runner, {
    save: draft.save,
    send: (text, options) => void send(text, options),
    tell,
    newSession,
    openSession: (id) => void setSession(id),
  })
  composer.setBusy(false)

  async function restore(): Promise<void> {
    const signal = begin()
    composer.setBusy('loading')
    const page = await history.readNewest(signal, waitForNetwork)
    if (signal.aborted) return
    composer.setBusy(false)
    settleSession()
    if (page === 'failed') return
    // What was sent meanwhile is taken up again, in its place.
    runner.cancel()
    turns.clear()
    turns.show(page?.data ?? [])
    log.scrollToEnd()
    takeUpTurns(site, { turns, runner, history }, signal)
  }

  /** An empty screen for whichever session the client is in. */
  function begin(): AbortSignal {
    runner.cancel()
    scope.abort()
    scope = new AbortController()
    isRestored = true
    turns.clear()
    return scope.signal
  }

  /** Shows at least what is here, until the messages before it can be read. */
  function waitForNetwork(): void {
    if (turns.last()) return
    composer.setBusy(false)
    for (const { turn } of readPending(store, client.sessionId())) {
      turns.append(turn).reply.setNote(words.waitingForNetwork)
    }
  }

  async function send(message: string, options?: SendOptions): Promise<void> {
    const turn = { id: randomUuid(), message, contextText: options?.contextText }
    addPending(store, turn, client.sessionId())
    const shown = turns.append(turn)
    log.scrollToEnd()
    emit('message', { message: { id: turn.id, content: message } })
    await runner.run(shown)
  }

  function accepted(): void {
    settleSession()
    tell()
  }

  function ended({ state, hasGap }: { state: string; hasGap: boolean }): void {
    if (state === 'own') tell()
    if (hasGap) void restore()
  }

  /** The server will never take it as it is: the visitor can change it. */
  function refused(shown: ShownTurn, failure: ChatFailure): void {
    removePending(store, shown.turn.id)
    draft.giveBack(shown.turn)
    turns.remove(shown)
    const fault = explain(words, failure)
    composer.setNotice(fault)
    if (client.isUnknownVisitor(failure)) history.offerNewVisitor(fault)
  }

  function newSession(): void {
    for (const { turn } of readPending(store, client.sessionId())) {
      removePending(store, turn.id)
      draft.giveBack(turn)
    }
    begin()
    client.enterSession(undefined)
    log.setNotice('')
    composer.setBusy(false)
    settleSession()
    tell()
  }

  async function setSession(id: string | undefined): Promise<void> {
    if (id === undefined) return newSession()
    client.enterSession(id)
    tell()
    await restore()
  }

  /** Another tab went on; what it did is read from the server. */
  async function hear(id: string | undefined): Promise<void> {
    const state = runner.state()
    // First what is here alone: then this tab has news of its own.
    if (state === 'unsent') return
    if (!isRestored || id !== client.sessionId()) {
      client.enterSession(id)
      settleSession()
      if (isRestored) await restore()
    } else if (state === 'joined') runner.renew()
    else if (state === 'idle') await catchUp()
    await panel.sessions.refresh()
  }

  async function catchUp(): Promise<void> {
    const last = turns.last()
    if (client.sessionId() === undefined) return
    if (last && last.seq === undefined) return restore()
    const { signal } = scope
    const query = `?after=${last ? last.seq! - 1 : 0}`
    const page = await client.readMessages(query, signal).catch(() => 'failed' as const)
    if (signal.aborted || page === 'failed' || runner.state() !== 'idle') return
    if (!page || page.has_more) return restore()
    log.follow(() => turns.show(page.data))
    takeUpTurns(site, { turns, runner, history }, signal)
  }

  function tell(): void {
    news.tell(client.sessionId())
  }

  /** Tells the page, where the session is another one now. */
  function settleSession(): void {
    if (announced === client.sessionId()) return
    announced = client.sessionId()
    emit('session-change', { session_id: announced })
  }

  return {
    actions,
    restore,
    send,
    newSession,
    setSession,
    stop() {
      begin()
      news.stop()
      composer.setBusy('loading')
    },
  }
}
