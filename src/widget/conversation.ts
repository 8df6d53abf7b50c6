import type { Message, Page } from '../protocol.ts'
import type { Turn } from './chat-client.ts'
import { ChatFailure, networkFailure } from './chat-failure.ts'
import { addPending, clearPending, readPending, removePending } from './pending-turns.ts'
import { randomUuid } from './random-uuid.ts'
import { noteOf, showTurn, type ShownTurn, type TurnSite } from './show-turn.ts'
import { explain, words } from './words.ts'

export type Conversation = {
  /** Shows what is stored and takes up a turn that was not finished. Never rejects. */
  restore: () => Promise<void>
  send: (text: string) => Promise<void>
  newChat: () => void
  /** Listens no longer; the server finishes and keeps a running reply. */
  stop: () => void
}

/** Connects the visitor's actions, the server and the panel. */
export function createConversation(site: TurnSite): Conversation {
  const { client, store, panel } = site
  const { log, composer } = panel
  let scope = new AbortController()
  let isRunning = false
  let firstSeq = 1
  let failedTurn: ShownTurn | undefined

  async function restore(): Promise<void> {
    stop()
    log.clear()
    composer.setBusy(true)
    const { signal } = scope
    const page = await readPage({ signal }, () => void restore())
    if (signal.aborted) return
    composer.setBusy(false)
    if (page === 'failed') return
    const messages = page?.data ?? []
    const last = showPage(messages)
    resume(messages, last)
    log.scrollToEnd()
  }

  /** Shows the newest page and returns its last turn. */
  function showPage(messages: Message[]): ShownTurn | undefined {
    let question: Omit<ShownTurn, 'reply'> | undefined
    let last: ShownTurn | undefined
    for (const message of messages) {
      const view = log.append(message.role, message.content)
      if (message.role === 'user') {
        question = { turn: turnOf(message), question: view, isStored: true }
        last = undefined
      } else {
        view.setNote(noteOf(message))
        last = question && { ...question, reply: view }
      }
    }
    return last
  }

  /** Takes up what was not finished: by itself, or at the visitor's word. */
  function resume(messages: Message[], last: ShownTurn | undefined): void {
    for (const { id } of messages) removePending(store, id)
    const status = messages.at(-1)?.status
    if (last && status === 'failed') offerRetry(last, words.noReply)
    if (last && status === 'streaming') void run(last)
    for (const { turn, isFresh } of readPending(store)) {
      const shown = append(turn)
      if (isFresh && !isRunning) void run(shown)
      else offerRetry(shown, words.notSent)
    }
  }

  /** Reads a page, says so meanwhile, and leaves a word or a button above the messages. */
  async function readPage(
    options: { before?: number; signal: AbortSignal },
    again: () => void,
  ): Promise<Page<Message> | undefined | 'failed'> {
    log.setNotice(words.loading)
    try {
      const page = await client.readHistory(options)
      if (options.signal.aborted) return 'failed'
      firstSeq = page?.data[0]?.seq ?? firstSeq
      const loadEarlier = { label: words.loadEarlier, run: () => void showEarlier() }
      log.setNotice('', page?.has_more ? loadEarlier : undefined)
      return page
    } catch (error) {
      const failure = error instanceof ChatFailure ? error : networkFailure()
      if (!options.signal.aborted)
        log.setNotice(explain(failure), { label: words.retry, run: again })
      return 'failed'
    }
  }

  async function showEarlier(): Promise<void> {
    const page = await readPage(
      { before: firstSeq, signal: scope.signal },
      () => void showEarlier(),
    )
    if (page === 'failed' || !page) return
    log.prepend(
      page.data.map((message) => ({
        role: message.role,
        text: message.content,
        note: noteOf(message),
      })),
    )
  }

  async function send(message: string): Promise<void> {
    const turn = { id: randomUuid(), message }
    store.set('draft', undefined)
    addPending(store, turn)
    // Only the last turn can be run again.
    if (failedTurn?.isStored) failedTurn.reply.setNote(words.noReply)
    const shown = append(turn)
    log.scrollToEnd()
    await run(shown)
  }

  async function run(shown: ShownTurn): Promise<void> {
    if (isRunning) return
    const { signal } = scope
    isRunning = true
    failedTurn = undefined
    composer.setBusy(true)
    const failure = await showTurn(site, shown, signal)
    if (signal.aborted) return
    isRunning = false
    composer.setBusy(false)
    if (failure) offerRetry(shown, explain(failure))
  }

  function append(turn: Turn): ShownTurn {
    const question = log.append('user', turn.message)
    return { turn, question, reply: log.append('assistant', ''), isStored: false }
  }

  function offerRetry(shown: ShownTurn, note: string): void {
    failedTurn = shown
    shown.reply.setNote(note, {
      label: words.retry,
      run: () => {
        // The button that was pressed goes away, and the focus with it.
        composer.focus()
        void run(shown)
      },
    })
    log.scrollToEnd()
  }

  function newChat(): void {
    stop()
    client.leaveSession()
    clearPending(store)
    log.clear()
    log.setNotice('')
    composer.setBusy(false)
    composer.focus()
  }

  function stop(): void {
    scope.abort()
    scope = new AbortController()
    isRunning = false
    failedTurn = undefined
  }

  return { restore, send, newChat, stop }
}

/** The turn that a stored message began, with the body it had. */
function turnOf({ id, content, context_text, metadata }: Message): Turn {
  const hasMetadata = Object.keys(metadata).length > 0
  return {
    id,
    message: content,
    contextText: context_text,
    metadata: hasMetadata ? metadata : undefined,
  }
}
