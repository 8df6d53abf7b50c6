import type { ApiCallOptions } from '../client/api-call.ts'
import { createChatClient } from '../client/chat-client.ts'
import { asFailure, type ChatFailure } from '../client/chat-failure.ts'
import { randomUuid } from '../client/random-uuid.ts'
import type { SiteStore } from '../client/site-store.ts'
import type { SendOptions } from '../panel/composer.ts'
import { createMessageView, type ViewedMessage } from '../panel/message-view.ts'
import type { PanelActions } from '../panel/panel.ts'
import { explain } from '../words/explain.ts'
import { createSessionAnnouncer } from './announce-session.ts'
import { claim } from './claim.ts'
import { type Draft, dropClaim } from './draft.ts'
import { createHistory } from './history.ts'
import { createPanelActions } from './panel-actions.ts'
import { addPending, readPending, removePending } from './pending-turns.ts'
import type { TurnSite } from './show-turn.ts'
import { createShownTurns, type ShownTurn } from './shown-turns.ts'
import { createTabNews } from './tab-news.ts'
import { showWaitingTurns, takeUpTurns } from './take-up-turns.ts'
import { createTurnRunner } from './turn-runner.ts'
import { watchFiles } from './watch-files.ts'

export interface ConversationOptions extends Omit<TurnSite, 'client'>, ApiCallOptions {
  draft: Draft
}

export interface Conversation {
  /** Everything that the visitor can do in the panel. */
  actions: PanelActions
  /** Shows the stored messages and continues an unfinished turn. Never rejects. */
  restore: () => Promise<void>
  /** Resolves when the reply has ended, also when it failed. */
  send: (text: string, options?: SendOptions) => Promise<void>
  newSession: () => void
  setSession: (id: string | undefined) => Promise<void>
  /** Gives what a visitor has written in this browser to the user. Rejects if the server refuses it. */
  claim: (visitor: SiteStore) => Promise<void>
  /** Stops listening. The server still finishes and stores a running reply. */
  stop: () => void
}

/**
 * Connects the visitor's actions, the server and the panel. The build puts this file and its imports into a chunk that
 * is loaded when the visitor reaches for the chat, so a page view alone does not load it.
 */
export function createConversation(parts: ConversationOptions): Conversation {
  const { store, panel, words, emit, draft } = parts
  const client = createChatClient(parts)
  const { log, composer } = panel
  const site = { client, store, panel, words, emit }
  const createView = (message: ViewedMessage) =>
    createMessageView({ ...message, words, actions: () => actions, follow: log.follow })
  const announceSession = createSessionAnnouncer(site)
  const turns = createShownTurns(log, createView)
  const history = createHistory(site, { createView, retry: () => void restore(), newSession })
  const news = createTabNews(store, (id) => void followTab(id))
  const runner = createTurnRunner(site, turns, {
    accepted() {
      announceSession()
      publish()
    },
    ended({ state, hasGap }) {
      if (state === 'own') publish()
      if (hasGap) void restore()
    },
    refused,
  })
  const lifetime = new AbortController()
  let scope = new AbortController()
  let isRestored = false

  const actions = createPanelActions(client, runner, {
    saveDraft: draft.save,
    focus: panel.focus,
    send: (text, options) => void send(text, options),
    publish,
    newSession,
    openSession: (id) => void setSession(id),
    words: () => words,
    explain: (error) => explain(words, asFailure(error)),
  })
  composer.setBusy(false)
  watchFiles(site, lifetime.signal)

  async function restore(): Promise<void> {
    const signal = begin()
    composer.setBusy('loading')
    const page = await history.readNewest(signal, () => showWaitingTurns(site, turns))
    if (signal.aborted) return
    composer.setBusy(false)
    announceSession()
    if (page === 'failed') return
    // A message sent in the meantime is pending: it is shown again below, in its place.
    runner.cancel()
    turns.clear()
    turns.show(page?.data ?? [])
    log.scrollToEnd()
    takeUpTurns(site, { turns, runner })
  }

  /** Clears the screen for the client's present session. */
  function begin(): AbortSignal {
    runner.cancel()
    scope.abort()
    scope = new AbortController()
    isRestored = true
    turns.clear()
    return scope.signal
  }

  async function send(message: string, options?: SendOptions): Promise<void> {
    const turn = { id: randomUuid(), message, contextText: options?.contextText }
    addPending(store, turn, client.sessionId())
    dropClaim(store)
    const shown = turns.append(turn)
    log.scrollToEnd()
    emit('message', { message: { id: turn.id, content: message } })
    await runner.run(shown)
  }

  /** The server will never accept this message: put it back into the composer. */
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
      if (!turn.continue) draft.giveBack(turn)
    }
    begin()
    client.enterSession(undefined)
    log.setNotice('')
    composer.setBusy(false)
    announceSession()
    publish()
  }

  async function setSession(id: string | undefined): Promise<void> {
    if (id === undefined) return newSession()
    client.enterSession(id)
    publish()
    await restore()
  }

  /** Another tab has changed the session, or has moved to this one. */
  async function followTab(id: string | undefined): Promise<void> {
    const state = runner.state()
    // Send this tab's own message first: its acceptance is news again.
    if (state === 'unsent') return
    if (!isRestored || id !== client.sessionId()) {
      client.enterSession(id)
      announceSession()
      if (isRestored) await restore()
    } else if (state === 'joined') runner.renew()
    else if (state === 'idle') await catchUp()
    await panel.sessions.refresh()
  }

  /** Shows the messages that the server has stored since. */
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
    takeUpTurns(site, { turns, runner })
  }

  function publish(): void {
    news.publish(client.sessionId())
  }

  return {
    actions,
    restore,
    send,
    newSession,
    setSession,
    claim: (visitor) =>
      claim(visitor, { ...parts, client, turns, setSession, signal: lifetime.signal }),
    stop() {
      lifetime.abort()
      begin()
      news.stop()
      composer.setBusy('loading')
    },
  }
}
