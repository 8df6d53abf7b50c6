import type { Message } from '../../protocol.ts'
import type { ChatFailure } from '../client/chat-failure.ts'
import { explain } from '../words/explain.ts'
import { holdPending } from './pending-turns.ts'
import { showTurn, type TurnSite } from './show-turn.ts'
import type { ShownTurn, ShownTurns } from './shown-turns.ts'

export interface TurnRunner {
  /**
   * Runs a turn once those before it have ended, or joins the reply to it. Resolves when it has
   * ended, whichever way.
   */
  run: (shown: ShownTurn, reply?: Message) => Promise<void>
  /** Leaves a button below the turn that runs it again. */
  offerRetry: (shown: ShownTurn, note: string) => void
  /** Another reply to the last turn. */
  regenerate: () => void
  /** The visitor wants no more of the running reply. */
  stopReply: () => Promise<void>
  /** Listens no longer to what runs, and forgets what waits. */
  cancel: () => void
  /** What runs: a message that the server is not known to have, a turn of this tab, another's. */
  state: () => 'idle' | 'unsent' | 'own' | 'joined'
  /** Looks at once how a joined reply stands. */
  renew: () => void
}

interface Running {
  shown: ShownTurn
  control: { renew?: () => void }
  /** Aborted where the visitor takes back what was not sent. */
  taken: AbortController
  state: 'unsent' | 'own' | 'joined'
}

/** Runs the turns of one conversation, one after the other. */
export function createTurnRunner(
  site: TurnSite,
  turns: ShownTurns,
  on: {
    /** The server has a message of this tab. */
    accepted: () => void
    /** `hasGap`: the session has messages before it that are not on the screen. */
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
    const taken = new AbortController()
    const mine: Running = { shown, control: {}, taken, state: reply ? 'joined' : 'unsent' }
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
      signal: AbortSignal.any([signal, taken.signal]),
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
    if (taken.signal.aborted) keepUnsent(shown)
    else if (failure) offerRetry(shown, explain(words, failure))
    on.ended({ state: mine.state, hasGap })
  }

  /** What was taken back is not sent before the visitor says so. */
  function keepUnsent(shown: ShownTurn): void {
    shown.reply.setOpen(false)
    holdPending(store, shown.turn.id)
    if (shown.turn.regenerate) shown.reply.setNote('')
    else offerRetry(shown, shown.seq === undefined ? words.notSent : words.noReply)
  }

  function offerRetry(shown: ShownTurn, note: string): void {
    failed = { shown, note }
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

  return {
    run,
    offerRetry,
    state: () => running?.state ?? 'idle',
    renew: () => running?.control.renew?.(),

    regenerate() {
      const last = turns.last()
      const stored = last?.reply.stored()
      if (!last || !stored || running) return
      composer.focus()
      last.turn = { ...last.turn, regenerate: stored.id }
      void run(last)
    },

    async stopReply() {
      if (!running) return
      const { shown, control, taken, state } = running
      // What is not known to have been sent may have come through all the same.
      const asked = client.sessionId() === undefined ? undefined : client.stopReply()
      if (state === 'unsent') taken.abort()
      else shown.reply.setNote(words.stopping)
      await asked?.catch(() => {})
      // Once this stream is closed, the Worker looks up at once what was asked of it.
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
