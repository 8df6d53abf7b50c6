import type { Turn } from '../client/chat-client.ts'
import type { SiteStore } from '../client/site-store.ts'

interface PendingTurn {
  turn: Turn
  session?: string | undefined
  sentAt: number
}

/** A message sent longer ago waits for the visitor's word before it is sent again. */
const freshMs = 10 * 60_000

/** Turns that were sent into a session and that the server is not known to have, oldest first. */
export function readPending(
  store: SiteStore,
  session: string | undefined,
): { turn: Turn; isFresh: boolean }[] {
  return read(store)
    .filter((pending) => pending.session === session)
    .map(({ turn, sentAt }) => ({ turn, isFresh: Date.now() - sentAt < freshMs }))
}

export function addPending(store: SiteStore, turn: Turn, session: string | undefined): void {
  write(store, [...without(store, turn.id), { turn, session, sentAt: Date.now() }])
}

/** Keeps a turn that its visitor does not want to be sent by itself any more. */
export function holdPending(store: SiteStore, id: string): void {
  const held = read(store).map((pending) =>
    pending.turn.id === id ? { ...pending, sentAt: 0 } : pending,
  )
  write(store, held)
}

export function removePending(store: SiteStore, id: string): void {
  write(store, without(store, id))
}

function without(store: SiteStore, id: string): PendingTurn[] {
  return read(store).filter(({ turn }) => turn.id !== id)
}

function write(store: SiteStore, pending: PendingTurn[]): void {
  store.set('pending', pending.length > 0 ? JSON.stringify(pending) : undefined)
}

/** Any script of the page may write there, so nothing is taken on trust. */
function read(store: SiteStore): PendingTurn[] {
  try {
    const stored: unknown = JSON.parse(store.get('pending') ?? '[]')
    return Array.isArray(stored) ? stored.filter(isPending) : []
  } catch {
    return []
  }
}

function isPending(value: PendingTurn | null): value is PendingTurn {
  return (
    typeof value?.sentAt === 'number' &&
    typeof value.turn?.id === 'string' &&
    typeof value.turn.message === 'string'
  )
}
