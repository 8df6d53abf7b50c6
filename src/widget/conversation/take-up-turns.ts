import { readPending, removePending } from './pending-turns.ts'
import type { TurnSite } from './show-turn.ts'
import type { ShownTurns } from './shown-turns.ts'
import type { TurnRunner } from './turn-runner.ts'

/** Shows the unsent turns of a session whose stored ones cannot be read at the moment. */
export function showWaitingTurns(
  { client, store, words, panel: { composer } }: TurnSite,
  turns: ShownTurns,
): void {
  if (turns.last()) return
  composer.setBusy(false)
  for (const { turn } of readPending(store, client.sessionId())) {
    if (!turn.continue) turns.append(turn).reply.setNote(words.waitingForNetwork)
  }
}

/** Continues the unfinished turns of a session, or offers to retry them. */
export function takeUpTurns(
  { client, store, words }: TurnSite,
  { turns, runner }: { turns: ShownTurns; runner: TurnRunner },
): void {
  const last = turns.last()
  const reply = last?.reply.stored()
  if (last && reply?.status === 'streaming') {
    // It runs already, so this tab joins it, also if it asked to continue it once.
    last.turn.continue = undefined
    void runner.run(last, reply)
  }
  if (last && reply?.status === 'failed') runner.offerRetry(last, words.noReply)
  for (const { turn, isFresh } of readPending(store, client.sessionId())) {
    const { continue: place } = turn
    if (place || turns.has(turn.id)) {
      removePending(store, turn.id)
      // A reply that is no longer than at the visitor's request was not continued.
      const isSame = place && reply?.id === place.id && reply.content.length <= place.from
      if (isFresh && isSame && reply.status !== 'streaming') runner.continueReply()
      continue
    }
    const shown = turns.append(turn)
    if (isFresh) void runner.run(shown)
    else runner.offerRetry(shown, words.notSent)
  }
}
