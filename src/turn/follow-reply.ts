import type { ReplyGrowth } from '../db/reply-growth.ts'
import { Problem, storedProblem } from '../errors.ts'
import { characterStart } from './character-start.ts'
import type { EndedTurn } from './complete-turn.ts'
import { pace } from './pace.ts'
import type { StoredReply } from './turn.ts'
import type { TurnNews } from './watch.ts'

/** Pauses between two reads: ever longer, so that a reply of minutes stays within the platform's calls per request. */
const firstPauseMs = 400
const longestPauseMs = 5_000
const growth = 1.2
/** Pauses vary by this part, so that clients that joined together do not read together. */
const jitter = 0.25
/** Up to this many joins at a time, the first pause is not longer. */
const fewJoins = 10

export interface FollowOptions {
  first: StoredReply
  /** Reads what the reply has gained beyond so many code points; undefined if the session was erased. */
  readGrowth: (codePoints: number) => Promise<ReplyGrowth | undefined>
  /** The place in the text to begin at, in UTF-16 units. */
  from: number
  maxReads: number
  /** About as many joins have begun lately: the more there are, the longer is the first pause. */
  load: number
}

/**
 * Watches a reply that another isolate writes, by what its turn has stored, at an even pace. It ends without the news of an
 * end if the reads are used up or two of them in a row fail: the reply goes on, and the client joins again.
 */
export function followReply(options: FollowOptions): AsyncGenerator<TurnNews<EndedTurn>, void> {
  const gone = new AbortController()
  return pace(readReply(options, gone.signal), gone)
}

/** The text in lumps: each read brings what was stored since the one before. It ends once the client is `gone`. */
async function* readReply(
  { first, readGrowth, from, maxReads, load }: FollowOptions,
  gone: AbortSignal,
): AsyncGenerator<TurnNews<EndedTurn>, void> {
  let place = from
  /** The text that has been read. */
  let units = 0

  /** The news of a text that begins at this place of the reply. */
  function newsOf(text: string, beginsAt: number): TurnNews<EndedTurn> {
    units = beginsAt + text.length
    if (units <= place) return { kind: 'quiet' }
    const unseen = text.slice(characterStart(text, place - beginsAt))
    place = units
    return { kind: 'text', text: unseen, place }
  }

  yield newsOf(first.reply.content, 0)
  if (first.reply.status !== 'streaming') {
    yield { kind: 'end', end: endOf(first) }
    return
  }
  let codePoints = codePointsIn(first.reply.content)
  let pauseMs = firstPauseMs * Math.max(1, load / fewJoins)
  let failures = 0
  for (let reads = 0; reads < maxReads; reads += 1) {
    await pause(Math.min(pauseMs, longestPauseMs), gone)
    if (gone.aborted) return
    pauseMs *= growth
    const found = await readGrowth(codePoints).catch(() => 'failed' as const)
    if (found === undefined) {
      yield { kind: 'end', end: endedWithout(new Problem('session_deleted')) }
      return
    }
    if (found === 'failed') {
      failures += 1
      if (failures > 1) return
      yield { kind: 'quiet' }
    } else if ('ended' in found) {
      yield newsOf(found.ended.reply.content, 0)
      yield { kind: 'end', end: endOf(found.ended) }
      return
    } else {
      failures = 0
      yield newsOf(found.more, units)
      codePoints += codePointsIn(found.more)
    }
  }
}

/** Ends early once the client is gone. */
function pause(ms: number, gone: AbortSignal): Promise<void> {
  const part = 1 - jitter + 2 * jitter * Math.random()
  return new Promise((resolve) => {
    function end() {
      clearTimeout(timer)
      gone.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms * part)
    gone.addEventListener('abort', end)
  })
}

/** The length of a text as Postgres counts it. */
function codePointsIn(text: string): number {
  let pairs = 0
  for (let place = 0; place < text.length; place += 1)
    if ((text.charCodeAt(place) & 0xfc00) === 0xd800) pairs += 1
  return text.length - pairs
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

/** The place in the text that a client names by `Last-Event-ID`, in UTF-16 units; 0 if it names none. */
export function placeOf(lastEventId: string | undefined): number {
  return Number(/^\d{1,9}$/.exec(lastEventId ?? '')?.[0] ?? 0)
}
