import type { Turn } from '../client/chat-client.ts'
import type { SiteStore } from '../client/site-store.ts'

interface PendingTurn {
  turn: Turn
  session?: string | undefined
  sentAt: number
}

/** An older message is not sent again until the visitor asks for it. */
const freshMs = 10 * 60_000

/** The turns of a session that the server has not confirmed, also those that continue a reply. Oldest first. */
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

/** Keeps a turn, but no longer sends it without the visitor. */
export function holdPending(store: SiteStore, id: string): void {
  const held = read(store).map((pending) =>
    pending.turn.id === id ? { ...pending, sentAt: 0 } : pending,
  )
  write(store, held)
}

export function removePending(store: SiteStore, id: string): void {
  write(store, without(store, id))
}

/** Moves all turns from one user's entries to another's. */
export function movePending(from: SiteStore, to: SiteStore): void {
  write(to, [...read(to), ...read(from)])
  write(from, [])
}

function without(store: SiteStore, id: string): PendingTurn[] {
  return read(store).filter(({ turn }) => turn.id !== id)
}

function write(store: SiteStore, pending: PendingTurn[]): void {
  store.set('pending', pending.length > 0 ? JSON.stringify(pending) : undefined)
}

/** Validates the entry, because any script of the page may write to it. */
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
