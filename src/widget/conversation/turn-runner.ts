import type { Message } from '../../protocol.ts'
import type { ChatFailure } from '../client/chat-failure.ts'
import { explain } from '../words/explain.ts'
import { addPending, holdPending, removePending } from './pending-turns.ts'
import { showTurn, type TurnSite } from './show-turn.ts'
import type { ShownTurn, ShownTurns } from './shown-turns.ts'

export interface TurnRunner {
  /**
   * Runs a turn after the turns before it. With `reply`, joins that running reply instead of sending the message.
   * Resolves when the turn has ended, also when it failed.
   */
  run: (shown: ShownTurn, reply?: Message) => Promise<void>
  /** Shows a note and a retry button below the turn. */
  offerRetry: (shown: ShownTurn, note: string) => void
  /** Asks for another reply to the last turn. */
  regenerate: () => void
  /** Asks for the rest of the last reply. */
  continueReply: () => void
  /** Stops the running reply. */
  stopReply: () => Promise<void>
  /** Stops listening to the running turn and drops the waiting ones. The server still finishes a reply. */
  cancel: () => void
  /** The running turn: `unsent` until the server confirms it, then `own`; `joined` if its reply was already running. */
  state: () => 'idle' | 'unsent' | 'own' | 'joined'
  /** Reconnects to a joined reply at once. */
  renew: () => void
}

interface Running {
  shown: ShownTurn
  control: { renew?: () => void }
  /** Aborted if the visitor withdraws a message before the server has confirmed it. */
  withdrawn: AbortController
  state: 'unsent' | 'own' | 'joined'
}

/** Runs the turns of one conversation, one at a time. */
export function createTurnRunner(
  site: TurnSite,
  turns: ShownTurns,
  on: {
    /** The server has stored a message of this tab. */
    accepted: () => void
    /** `hasGap`: the session has earlier messages that are not on the screen. */
    ended: (run: { state: Running['state']; hasGap: boolean }) => void
    refused: (shown: ShownTurn, failure: ChatFailure) => void
  },
): TurnRunner {
  const { client, store, panel, words } = site
  const { log, composer } = panel
  let scope = new AbortController()
  let queue = Promise.resolve()
  let running: Running | undefined
  let failed: { shown: ShownTurn; note: string } | undefined

  function run(shown: ShownTurn, reply?: Message): Promise<void> {
    const { signal } = scope
    composer.setBusy('running')
    queue = queue.then(() => (signal.aborted ? undefined : runNow(shown, signal, reply)))
    return queue
  }

  async function runNow(shown: ShownTurn, signal: AbortSignal, reply?: Message): Promise<void> {
    const withdrawn = new AbortController()
    const mine: Running = { shown, control: {}, withdrawn, state: reply ? 'joined' : 'unsent' }
    let hasGap = false
    running = mine
    // Only the last turn can be run again.
    if (failed && failed.shown !== shown && failed.shown.seq !== undefined)
      failed.shown.reply.setNote(failed.note)
    failed = undefined
    composer.setBusy('running')
    const failure = await showTurn(site, {
      shown,
      turns,
      reply,
      signal: AbortSignal.any([signal, withdrawn.signal]),
      control: mine.control,
      onAccepted(seq) {
        hasGap ||= turns.hasGapBefore(shown, seq)
        if (mine.state === 'unsent') mine.state = 'own'
        on.accepted()
      },
      onRefused: (refusal) => on.refused(shown, refusal),
    })
    if (signal.aborted) return
    running = undefined
    composer.setBusy(false)
    if (withdrawn.signal.aborted) keepUnsent(shown)
    else if (failure) offerRetry(shown, explain(words, failure))
    on.ended({ state: mine.state, hasGap })
  }

  /** Holds a withdrawn message until the visitor asks to send it. A reply stays as it was. */
  function keepUnsent(shown: ShownTurn): void {
    const { turn, reply } = shown
    reply.setOpen(false)
    if (turn.regenerate || turn.continue) {
      removePending(store, turn.id)
      reply.show(reply.stored()!)
    } else {
      holdPending(store, turn.id)
      offerRetry(shown, shown.seq === undefined ? words.notSent : words.noReply)
    }
  }

  /** Sends the last turn again, for another reply or for more of the same one. */
  function runLast(isOther: boolean): void {
    const last = turns.last()
    const stored = last?.reply.stored()
    if (!last || !stored || running) return
    const { id, content } = stored
    const regenerate = isOther ? id : undefined
    const place = isOther ? undefined : { id, from: content.length }
    last.turn = { ...last.turn, regenerate, continue: place }
    if (place) addPending(store, last.turn, client.sessionId())
    void run(last)
  }

  function offerRetry(shown: ShownTurn, note: string): void {
    failed = { shown, note }
    shown.reply.setNote(note, {
      label: words.retry,
      run: () => {
        // The pressed button disappears: move its focus to the composer.
        composer.focus()
        void run(shown)
      },
    })
    log.scrollToEnd()
  }

  return {
    run,
    offerRetry,
    state: () => running?.state ?? 'idle',
    renew: () => running?.control.renew?.(),

    regenerate() {
      composer.focus()
      runLast(true)
    },

    continueReply: () => runLast(false),

    async stopReply() {
      if (!running) return
      const { shown, control, withdrawn, state } = running
      // The server may have received an unconfirmed message, so ask it to stop in any case.
      const asked = client.sessionId() === undefined ? undefined : client.stopReply()
      if (state === 'unsent') withdrawn.abort()
      else shown.reply.setNote(words.stopping)
      await asked?.catch(() => {})
      // Closing this stream makes the Worker look for the stop request at once.
      control.renew?.()
    },

    cancel() {
      scope.abort()
      scope = new AbortController()
      queue = Promise.resolve()
      running = failed = undefined
    },
  }
}
