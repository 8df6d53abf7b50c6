import type { TurnSite } from './show-turn.ts'

/** Returns a function that tells the page if the session is another one than at its last call. */
export function createSessionAnnouncer({ client, emit }: TurnSite): () => void {
  let announced = client.sessionId()
  return () => {
    if (announced === client.sessionId()) return
    announced = client.sessionId()
    emit('session-change', { session_id: announced })
  }
}
