import type { DatabaseGate, GatedCall } from './database-gate.ts'

/**
 * Lets calls of many sessions meet at the database: those of one session pass together, once all of them have come.
 * @param gates of every Worker that the sessions use
 */
export function startMeetings(gates: readonly DatabaseGate[]) {
  const meetings = new Map<
    string,
    { missing: GatedCall['kind'][]; pass: PromiseWithResolvers<void> }
  >()
  for (const gate of gates)
    gate.at = async ({ kind, body }, moment) => {
      if (moment !== 'asked') return
      for (const [sessionId, { missing, pass }] of meetings) {
        const place = missing.indexOf(kind)
        if (place < 0 || !body.includes(sessionId)) continue
        missing.splice(place, 1)
        if (missing.length === 0) pass.resolve()
        await pass.promise
      }
    }
  return {
    /** Holds the session's next calls of these kinds; resolves once all of them have come, and pass. */
    meet(sessionId: string, kinds: readonly GatedCall['kind'][]): Promise<void> {
      const pass = Promise.withResolvers<void>()
      meetings.set(sessionId, { missing: [...kinds], pass })
      return pass.promise
    },
  }
}
