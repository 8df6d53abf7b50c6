import { Problem, storedProblem } from '../errors.ts'
import type { EndedTurn } from './complete-turn.ts'
import type { StoredReply } from './turn.ts'
import type { TurnNews } from './watch.ts'

/** Pauses between two reads: ever longer, so that a reply of minutes stays within the platform's calls per request. */
const firstPauseMs = 400
const longestPauseMs = 5_000
const growth = 1.2

export interface FollowOptions {
  first: StoredReply
  /** Reads the reply again; undefined if the session was erased. */
  read: () => Promise<StoredReply | undefined>
  /** The place in the text to begin at, in UTF-16 units. */
  from: number
  maxReads: number
}

/**
 * Watches a reply that another isolate writes, by what its turn has stored. It ends without the news of an end if the
 * reads are used up or the database fails: the reply goes on, and the client joins again.
 */
export async function* followReply({
  first,
  read,
  from,
  maxReads,
}: FollowOptions): AsyncGenerator<TurnNews<EndedTurn>, void> {
  let stored: StoredReply | undefined = first
  let place = from
  let pauseMs = firstPauseMs
  for (let readsLeft = maxReads; ; readsLeft -= 1) {
    if (stored === undefined) {
      yield { kind: 'end', end: endedWithout(new Problem('session_deleted')) }
      return
    }
    const { content, status } = stored.reply
    if (content.length > place) {
      const text = content.slice(place)
      place = content.length
      yield { kind: 'text', text, place }
    } else {
      yield { kind: 'quiet' }
    }
    if (status !== 'streaming') {
      yield { kind: 'end', end: endOf(stored) }
      return
    }
    if (readsLeft === 0) return
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    pauseMs = Math.min(pauseMs * growth, longestPauseMs)
    try {
      stored = await read()
    } catch {
      return
    }
  }
}

/** A superseded reply that has a finish reason was complete; without text it failed, and the older reply stands. */
function endOf({ reply, errorCode }: StoredReply): EndedTurn {
  if (reply.status === 'failed' || reply.content === '')
    return endedWithout(storedProblem(errorCode))
  const isComplete = reply.finish_reason !== undefined
  return {
    reply,
    ...(!isComplete && { problem: storedProblem(errorCode) }),
    modelMs: 0,
    databaseMs: 0,
  }
}

function endedWithout(problem: Problem): EndedTurn {
  return { problem, modelMs: 0, databaseMs: 0 }
}

/** The place in the text that a client names by `Last-Event-ID`; never inside a surrogate pair. */
export function placeIn(content: string, lastEventId: string | undefined): number {
  const place = Number(/^\d{1,9}$/.exec(lastEventId ?? '')?.[0] ?? 0)
  const isInside = /^[\ud800-\udbff][\udc00-\udfff]/.test(content.slice(place - 1, place + 1))
  return isInside ? place - 1 : place
}
