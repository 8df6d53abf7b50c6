import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { pace } from '../../../src/turn/pace.ts'
import type { TurnNews } from '../../../src/turn/watch.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

type News = TurnNews<string>
/** News, or an error, after so many milliseconds. */
type Step = [afterMs: number, news: News | Error]

const end: News = { kind: 'end', end: 'done' }
const quiet: News = { kind: 'quiet' }

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

/** A source of these steps, which tells how many were asked for, and how it was left. */
function sourceOf(steps: Step[]) {
  const asked: number[] = []
  const onEnd = vi.fn()
  async function* source(): AsyncGenerator<News, void> {
    try {
      for (const [afterMs, news] of steps) {
        asked.push(Date.now())
        await wait(afterMs)
        if (news instanceof Error) throw news
        yield news
      }
    } finally {
      onEnd()
    }
  }
  return { asked, onEnd, source: source() }
}

/** Texts that follow each other, each so long after the one before; the first is what is stored. */
function lumps(texts: string[], gapMs = 5_000): Step[] {
  let place = 0
  return texts.map((text, index) => {
    place += text.length
    return [index === 0 ? 0 : gapMs, { kind: 'text', text, place }]
  })
}

interface Seen {
  atMs: number
  news: News
}

/** Reads until the end; `pauseMs` after each piece. */
async function readAll(news: AsyncGenerator<News, void>, pauseMs = 0) {
  const beginsAtMs = Date.now()
  const seen: Seen[] = []
  const reading = (async () => {
    for await (const each of news) {
      seen.push({ atMs: Date.now() - beginsAtMs, news: each })
      if (pauseMs > 0) await wait(pauseMs)
    }
  })()
  // A rejection is looked at after the clock has moved.
  reading.catch(() => {})
  await vi.runAllTimersAsync()
  return { seen, reading }
}

async function paced(steps: Step[], pauseMs = 0): Promise<Seen[]> {
  const { seen, reading } = await readAll(
    pace(sourceOf(steps).source, new AbortController()),
    pauseMs,
  )
  await reading
  return seen
}

/** The text of a client that follows the rule of `place`. */
function shown(seen: Seen[], atMs = Infinity): string {
  let text = ''
  for (const each of seen)
    if (each.news.kind === 'text' && each.atMs <= atMs)
      text =
        each.news.place < text.length + each.news.text.length
          ? each.news.text
          : text + each.news.text
  return text
}

const piecesOf = (seen: Seen[]) => seen.flatMap(({ news }) => (news.kind === 'text' ? [news] : []))

describe('a text that comes in lumps', () => {
  test('is delivered evenly until the next lump is expected', async () => {
    const seen = await paced([
      ...lumps(['', ...Array.from({ length: 6 }, () => 'x'.repeat(400))]),
      [5_000, end],
    ])
    for (let atMs = 5_200; atMs < 30_000; atMs += 200) {
      const grown = shown(seen, atMs).length - shown(seen, atMs - 200).length
      expect(grown, `at ${atMs}`).toBeGreaterThan(0)
      // 80 a second.
      expect(grown, `at ${atMs}`).toBeLessThan(40)
    }
  })

  test('begins at once with what was stored, and ends at once with the rest', async () => {
    const seen = await paced([...lumps(['stored before', 'x'.repeat(100)]), [1_000, end]])
    expect(seen[0]).toMatchObject({ atMs: 0, news: { text: 'stored before', place: 13 } })
    expect(seen.at(-1)).toMatchObject({ atMs: 6_000, news: end })
    expect(shown(seen, 5_999).length).toBeLessThan(40)
    expect(shown(seen)).toHaveLength(113)
    expect(piecesOf(seen).at(-1)?.text.length).toBeGreaterThan(70)
  })

  test('is complete at its end, however it is cut: no half character, no wrong place, no delay beyond a lump', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 }).filter((each) => each !== '')
    const step = fc.record({ text: fc.option(text), gapMs: fc.nat(9_000) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.nat(700), async (given, pauseMs) => {
        let whole = ''
        let nowMs = 0
        const known: { atMs: number; units: number }[] = []
        const steps = given.map((each): Step => {
          nowMs += each.gapMs
          if (each.text === null) return [each.gapMs, quiet]
          known.push({ atMs: nowMs, units: whole.length })
          whole += each.text
          return [each.gapMs, { kind: 'text', text: each.text, place: whole.length }]
        })
        const seen = await paced([...steps, [100, end]])
        for (const { atMs, units } of known)
          expect(shown(seen, atMs).length).toBeGreaterThanOrEqual(units)
        for (const each of [seen, await paced([...steps, [100, end]], pauseMs)]) {
          expect(shown(each)).toBe(whole)
          expect(each.at(-1)?.news).toEqual(end)
          expect(each.filter(({ news }) => news.kind === 'quiet')).toHaveLength(
            given.filter((one) => one.text === null).length,
          )
          let place = 0
          for (const piece of piecesOf(each)) {
            expect(piece.text.isWellFormed()).toBe(true)
            expect(piece.text).not.toBe('')
            place += piece.text.length
            expect(piece.place).toBe(place)
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  test('still has something to deliver while reads find nothing for three times as long as expected', async () => {
    const text = 'x'.repeat(1_000)
    const nothing = Array.from({ length: 4 }, (): Step => [4_000, quiet])
    const seen = await paced([...lumps(['', text, text]), ...nothing, [0, end]])
    for (let atMs = 10_200; atMs < 26_000; atMs += 200)
      expect(shown(seen, atMs).length, `at ${atMs}`).toBeGreaterThan(shown(seen, atMs - 200).length)
  })

  test('is not hastened by quick reads that find nothing', async () => {
    const nothing = Array.from({ length: 5 }, (): Step => [400, quiet])
    const seen = await paced([...lumps(['', 'x'.repeat(500)]), ...nothing, [0, end]])
    expect(shown(seen, 6_999).length).toBeLessThan(250)
  })

  test('takes a piece in about a tenth of a second, and no piece without a character', async () => {
    const long = await paced([...lumps(['', 'x'.repeat(10_000)]), [5_000, end]])
    expect(piecesOf(long).length).toBeGreaterThan(35)
    expect(piecesOf(long).length).toBeLessThan(55)
    const pulled = await paced([...lumps(['', 'x'.repeat(10_000)]), [5_000, end]], 50)
    expect(piecesOf(pulled).length).toBeLessThan(55)
    const timers = vi.spyOn(globalThis, 'setTimeout')
    expect(piecesOf(await paced([...lumps(['', 'abcd']), [5_000, end]])).length).toBe(5)
    // Three of the source, and one for each character.
    expect(timers).toHaveBeenCalledTimes(7)
  })
})

describe('news that is no text', () => {
  test('passes at once, in the middle of a lump', async () => {
    const seen = await paced([
      ...lumps(['', 'x'.repeat(100)]),
      [1_000, quiet],
      [1_000, quiet],
      [500, end],
    ])
    const others = seen.filter(({ news }) => news.kind !== 'text')
    expect(others.map(({ atMs, news }) => [atMs, news.kind])).toEqual([
      [6_000, 'quiet'],
      [7_000, 'quiet'],
      [7_500, 'end'],
    ])
  })

  test('passes if it is the first', async () => {
    const thinking: News = { kind: 'thinking' }
    expect(
      (
        await paced([
          [0, thinking],
          [10, end],
        ])
      ).map(({ news }) => news),
    ).toEqual([thinking, end])
  })

  test('may be the end without a word', async () => {
    const seen = await paced(lumps(['a', 'x'.repeat(100)]))
    expect(shown(seen)).toHaveLength(101)
    expect(seen.every(({ news }) => news.kind === 'text')).toBe(true)
  })

  test('may be an error, which comes after all text', async () => {
    const steps: Step[] = [...lumps(['a', 'x'.repeat(100)]), [500, new Error('broken')]]
    const { source } = sourceOf(steps)
    const { seen, reading } = await readAll(pace(source, new AbortController()))
    await expect(reading).rejects.toThrow('broken')
    expect(shown(seen)).toHaveLength(101)
  })

  test('may take back a text: what is left of it is dropped', async () => {
    const seen = await paced([
      ...lumps(['a', 'x'.repeat(100)]),
      [1_000, { kind: 'text', text: 'another', place: 7 }],
      [5_000, { kind: 'text', text: ' text', place: 12 }],
      [5_000, end],
    ])
    expect(shown(seen)).toBe('another text')
    expect(seen.map(({ news }) => (news.kind === 'text' ? news.text : '')).join('')).not.toContain(
      'x'.repeat(100),
    )
  })
})

describe('a slow client', () => {
  test('gets all that is due as one piece, and is never further behind than its own pause', async () => {
    const steps: Step[] = [
      ...lumps(['', ...Array.from({ length: 4 }, () => 'x'.repeat(500))]),
      [5_000, end],
    ]
    const quick = await paced(steps)
    const slow = await paced(steps, 1_000)
    expect(piecesOf(slow).length).toBeLessThan(30)
    for (let atMs = 2_500; atMs < 25_000; atMs += 500)
      expect(shown(slow, atMs).length).toBeGreaterThanOrEqual(
        // A pause of its own, and the one before the lump that it learned of late.
        shown(quick, atMs - 2_200).length,
      )
  })

  test('that does not read causes one read at most', async () => {
    const { asked, source } = sourceOf([...lumps(['a', 'b', 'c', 'd']), [0, end]])
    const first = pace(source, new AbortController()).next()
    await vi.advanceTimersByTimeAsync(600_000)
    expect(await first).toMatchObject({ value: { text: 'a' } })
    expect(asked).toHaveLength(2)
  })
})

describe('a client that has gone', () => {
  test.each([
    ['before it has read', 0, 0],
    ['between two pieces', 5_100, 1],
    ['while nothing comes', 2_000, 1],
  ])('leaves no timer and no read: %s', async (_, leavesAfterMs, sourceTimers) => {
    const gone = new AbortController()
    const { asked, onEnd, source } = sourceOf([...lumps(['a', 'x'.repeat(100), 'b']), [0, end]])
    const news = pace(source, gone)
    const last = leavesAfterMs === 0 ? undefined : lastOf(news)
    await vi.advanceTimersByTimeAsync(leavesAfterMs)
    const reads = asked.length
    await expect(news.return()).resolves.toEqual({ done: true, value: undefined })
    await last
    expect(gone.signal.aborted).toBe(true)
    // The source of this test does not listen, so its own wait goes on.
    expect(vi.getTimerCount()).toBe(sourceTimers)
    await vi.runAllTimersAsync()
    expect(asked).toHaveLength(reads)
    expect(onEnd).toHaveBeenCalledTimes(Math.min(1, reads))
  })
})

/** Resolves once the news has ended. */
async function lastOf(news: AsyncGenerator<News, void>): Promise<void> {
  const { done } = await news.next()
  if (!done) await lastOf(news)
}
