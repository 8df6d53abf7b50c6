import { characterStart } from './character-start.ts'
import { createDueTime } from './due-time.ts'
import type { TurnNews } from './watch.ts'

/** From one piece to the next: short enough to look even, and long enough to keep the cost of the pieces small. */
const pieceMs = 120

/**
 * Delivers text that comes in lumps in small pieces, each lump until the next one is expected. The first news passes at
 * once, as the text that a reply had before. When the next lump comes, or the end, the rest of the lump before it comes at
 * once. The source is read at its own speed, one piece of news ahead of the reader.
 * @param gone is aborted when the reader returns; the source must then end its waits
 */
export function pace<End>(
  source: AsyncGenerator<TurnNews<End>, void>,
  gone: AbortController,
): AsyncGenerator<TurnNews<End>, void> {
  const paced = inPieces(source, gone.signal)
  // A generator that waits learns only after the wait that its reader returned.
  const end = paced.return.bind(paced)
  paced.return = (value) => {
    gone.abort()
    return end(value)
  }
  return paced
}

async function* inPieces<End>(
  source: AsyncGenerator<TurnNews<End>, void>,
  gone: AbortSignal,
): AsyncGenerator<TurnNews<End>, void> {
  const due = createDueTime(Date.now())
  const alarm = createAlarm()
  gone.addEventListener('abort', alarm.ring, { once: true })
  const ahead = readAhead(source, alarm.ring)
  let rest = restOf({ text: '', place: 0 }, 0)
  let isFirst = true
  ahead.start()
  try {
    while (!gone.aborted) {
      const nowMs = Date.now()
      const arrived = ahead.take()
      if (arrived === undefined) {
        const waitMs = untilPiece(rest, nowMs)
        const piece = waitMs <= 0 ? takePiece(rest, nowMs) : undefined
        if (piece !== undefined) yield piece
        else await alarm.wait(waitMs > 0 ? waitMs : pieceMs)
        continue
      }
      const { news, error } = arrived
      if (news !== undefined && news.kind !== 'end') ahead.start()
      if (news?.kind === 'quiet') {
        if (!isFirst) rest.dueAtMs = due.afterQuiet(nowMs)
        yield news
      } else if (news?.kind === 'text' && !isFirst) {
        const lump = restOf(news, nowMs)
        const isTakenBack = lump.place < rest.place + rest.text.length
        if (rest.text !== '' && !isTakenBack) yield take(rest, rest.text.length)
        lump.dueAtMs = due.afterLump(nowMs)
        rest = lump
      } else {
        if (rest.text !== '') yield take(rest, rest.text.length)
        if (error !== undefined) throw error
        if (news === undefined) return
        if (news.kind === 'text') rest = restOf({ text: '', place: news.place }, nowMs)
        yield news
      }
      isFirst = false
      if (news.kind === 'end') return
    }
  } finally {
    void source.return()
  }
}

/** Text that waits to be delivered. */
interface Rest {
  text: string
  /** Its place in the reply. */
  place: number
  /** When the piece before it was delivered. */
  sinceMs: number
  /** When all of it is to be delivered. */
  dueAtMs: number
}

function restOf({ text, place }: { text: string; place: number }, nowMs: number): Rest {
  return { text, place: place - text.length, sinceMs: nowMs, dueAtMs: nowMs }
}

/** A pause for the piece, longer if the next character is not due by then; without end if nothing is left. */
function untilPiece({ text, sinceMs, dueAtMs }: Rest, nowMs: number): number {
  if (text === '') return Infinity
  return Math.ceil(sinceMs + Math.max(pieceMs, (dueAtMs - sinceMs) / text.length)) - nowMs
}

/** The text that is due by now; undefined if that is less than a character. */
function takePiece(rest: Rest, nowMs: number) {
  const part = nowMs < rest.dueAtMs ? (nowMs - rest.sinceMs) / (rest.dueAtMs - rest.sinceMs) : 1
  const length = characterStart(rest.text, Math.floor(rest.text.length * part))
  if (length === 0) return undefined
  rest.sinceMs = nowMs
  return take(rest, length)
}

function take(rest: Rest, length: number) {
  const text = rest.text.slice(0, length)
  rest.text = rest.text.slice(length)
  rest.place += length
  return { kind: 'text', text, place: rest.place } as const
}

interface Arrived<News> {
  /** Absent at the end of the source. */
  news?: News | undefined
  error?: unknown
}

/** Reads one piece of news after the other while its reader does something else. */
function readAhead<News>(source: AsyncGenerator<News, void>, onArrival: () => void) {
  let arrived: Arrived<News> | undefined

  async function read() {
    try {
      const { value } = await source.next()
      arrived = { news: value ?? undefined }
    } catch (error) {
      arrived = { error }
    }
    onArrival()
  }

  return {
    start: () => void read(),
    take() {
      const taken = arrived
      arrived = undefined
      return taken
    },
  }
}

/** A wait that something else can end. */
function createAlarm() {
  let ring = () => {}
  return {
    ring: () => ring(),
    async wait(ms: number) {
      let timer: ReturnType<typeof setTimeout> | undefined
      await new Promise<void>((resolve) => {
        ring = resolve
        if (ms < Infinity) timer = setTimeout(resolve, ms)
      })
      clearTimeout(timer)
    },
  }
}
