import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { ReplyGrowth } from '../../../src/db/reply-growth.ts'
import { Problem } from '../../../src/errors.ts'
import type { Message } from '../../../src/protocol.ts'
import { checkpointDelaysMs } from '../../../src/turn/checkpoints.ts'
import { followReply, placeOf } from '../../../src/turn/follow-reply.ts'
import { createJoinLoad } from '../../../src/turn/join-load.ts'

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const storedAs = (content: string, status: Message['status']) => ({
  reply: { content, status, ...(status === 'complete' && { finish_reason: 'stop' }) } as Message,
  errorCode: null,
})

/**
 * A database whose reply has, at each read, the next of these texts; the last one is complete. It counts characters as
 * Postgres does.
 */
function growing(
  texts: string[],
  { failing = [] as number[], from = 0, load = 0, maxReads = 44 } = {},
) {
  const asked: number[] = []
  const sent: string[] = []
  const askedAtMs: number[] = []
  const beginsAtMs = Date.now()
  const last = texts.length - 1
  const readGrowth = async (codePoints: number): Promise<ReplyGrowth | undefined> => {
    asked.push(codePoints)
    askedAtMs.push(Date.now() - beginsAtMs)
    const read = asked.length
    if (failing.includes(read)) throw new Problem('database_unavailable')
    const content = texts[Math.min(read, last)] ?? ''
    if (read >= last) return { ended: storedAs(content, 'complete') }
    const more = Array.from(content).slice(codePoints).join('')
    sent.push(more)
    return { more }
  }
  const first = storedAs(texts[0] ?? '', last === 0 ? 'complete' : 'streaming')
  return { asked, askedAtMs, sent, news: followReply({ first, readGrowth, from, maxReads, load }) }
}

type News = ReturnType<typeof followReply>

/** All news, as fast as the clock can be moved. */
async function all(news: News) {
  const read = (async () => {
    const seen = []
    for await (const each of news) seen.push(each)
    return seen
  })()
  await vi.runAllTimersAsync()
  return read
}

const textOf = (news: Awaited<ReturnType<typeof all>>) =>
  news.map((each) => (each.kind === 'text' ? each.text : '')).join('')

describe('joining a reply', () => {
  const pieces = ['a😀', 'b𠜎c', '', '👩‍👧', 'é', 'z']
  const texts = pieces.map((_, index) => pieces.slice(0, index + 1).join(''))
  const whole = pieces.join('')

  test('asks only for what it has not read, by code points, and ends with the whole reply', async () => {
    const { asked, sent, news } = growing(texts)
    const seen = await all(news)
    expect(textOf(seen)).toBe(whole)
    expect(asked).toEqual(texts.slice(0, -1).map((text) => Array.from(text).length))
    expect(sent).toEqual(pieces.slice(1, -1))
    expect(seen.at(-1)).toMatchObject({ kind: 'end', end: { reply: { content: whole } } })
    for (const [index, each] of seen.entries())
      if (each.kind === 'text') expect(each.place).toBe(textOf(seen.slice(0, index + 1)).length)
  })

  test('from any place, stored or not yet, shows what follows it, and never half a character', async () => {
    for (let from = 0; from <= whole.length + 3; from += 1) {
      const text = textOf(await all(growing(texts, { from }).news))
      expect(text.isWellFormed(), `from ${from}`).toBe(true)
      expect(whole.endsWith(text)).toBe(true)
      const left = Math.max(0, whole.length - from)
      expect([left, left + 1]).toContain(text.length)
      if (whole.slice(from).isWellFormed()) expect(text.length).toBe(left)
    }
  })

  test('goes on after a read that failed, and ends without an end after two', async () => {
    const once = growing(texts, { failing: [1, 3] })
    expect(textOf(await all(once.news))).toBe(whole)
    const twice = growing(texts, { failing: [2, 3] })
    const seen = await all(twice.news)
    expect(textOf(seen)).toBe(texts[1])
    expect(seen.some(({ kind }) => kind === 'end')).toBe(false)
    expect(twice.asked).toHaveLength(3)
  })

  test('ends without an end when its reads are used up', async () => {
    const { asked, news } = growing(texts, { maxReads: 2 })
    const seen = await all(news)
    expect(asked).toHaveLength(2)
    expect(seen.some(({ kind }) => kind === 'end')).toBe(false)
  })

  test('of a session that was erased says so', async () => {
    const first = storedAs('a', 'streaming')
    const read = async () => undefined
    const options = { first, readGrowth: read, from: 0, maxReads: 3, load: 0 }
    expect((await all(followReply(options))).at(-1)).toMatchObject({
      kind: 'end',
      end: { problem: { code: 'session_deleted' } },
    })
  })
})

describe('joining a reply that grows evenly', () => {
  const durationMs = 90_000
  const unitsPerMs = 0.08

  /** A database with the text of the newest checkpoint. */
  function checkpointed(joinsAtMs: number) {
    const beginsAtMs = Date.now() - joinsAtMs
    const readsAtMs: number[] = []
    const textAt = (ms: number) => {
      let storedMs = 0
      for (const delayMs of checkpointDelaysMs(15_000)) {
        if (storedMs + delayMs > ms) break
        storedMs += delayMs
      }
      return 'x'.repeat(unitsPerMs * storedMs)
    }
    const readGrowth = async (codePoints: number): Promise<ReplyGrowth> => {
      const atMs = Date.now() - beginsAtMs
      readsAtMs.push(atMs)
      if (atMs < durationMs) return { more: textAt(atMs).slice(codePoints) }
      return { ended: storedAs('x'.repeat(unitsPerMs * durationMs), 'complete') }
    }
    const first = storedAs(textAt(joinsAtMs), 'streaming')
    return { readsAtMs, beginsAtMs, first, readGrowth }
  }

  /** The same chances each time (Park and Miller's generator). */
  function chances() {
    let state = 20_261_128
    return () => {
      state = (state * 48_271) % 2_147_483_647
      return state / 2_147_483_647
    }
  }

  /** How many reads it takes to find the end of a reply that ends after so long. */
  function readsWithin(ms: number): number {
    const chance = chances()
    let reads = 0
    for (let atMs = 0; atMs < ms; reads += 1)
      atMs += Math.min(400 * 1.2 ** reads, 5_000) * (0.75 + 0.5 * chance())
    return reads
  }

  test.each([1_000, 4_000, 12_000, 30_000, 60_000])(
    'after %i ms shows it grow in nine of ten moments, and reads only at its pauses',
    async (joinsAtMs) => {
      vi.mocked(Math.random).mockImplementation(chances())
      const { readsAtMs, beginsAtMs, first, readGrowth } = checkpointed(joinsAtMs)
      const news = followReply({ first, readGrowth, from: 0, maxReads: 44, load: 0 })
      const seen: { atMs: number; units: number }[] = []
      const reading = (async () => {
        for await (const each of news)
          if (each.kind === 'text') seen.push({ atMs: Date.now() - beginsAtMs, units: each.place })
      })()
      await vi.runAllTimersAsync()
      await reading

      const unitsAt = (ms: number) => seen.findLast(({ atMs }) => atMs <= ms)?.units ?? 0
      const beginsGrowing = seen[1]?.atMs ?? 0
      const samples = Array.from(
        { length: Math.floor((durationMs - beginsGrowing) / 200) },
        (_, index) => beginsGrowing + index * 200,
      )
      const grown = samples.filter((ms) => unitsAt(ms + 200) > unitsAt(ms))
      expect(grown.length / samples.length).toBeGreaterThan(0.9)
      expect(readsAtMs).toHaveLength(readsWithin(durationMs - joinsAtMs))
    },
  )

  test('a client that leaves ends the pause and the reads', async () => {
    const { readsAtMs, first, readGrowth } = checkpointed(30_000)
    const news = followReply({ first, readGrowth, from: 0, maxReads: 44, load: 0 })
    await news.next()
    const next = news.next()
    await vi.advanceTimersByTimeAsync(200)
    await news.return()
    await next
    expect(vi.getTimerCount()).toBe(0)
    expect(readsAtMs).toHaveLength(0)
  })
})

describe('the pauses between two reads', () => {
  /** Grows longer than any stream reads. */
  const long = Array.from({ length: 60 }, (_, index) => 'x'.repeat(index))

  async function pausesOf(options: Parameters<typeof growing>[1]) {
    const { askedAtMs, news } = growing(long, options)
    await all(news)
    return askedAtMs.map((at, index) => at - (askedAtMs[index - 1] ?? 0))
  }

  test('begin with 400 ms and grow to 5 s', async () => {
    const pauses = await pausesOf({})
    expect(pauses[0]).toBeCloseTo(400, -1)
    expect(pauses.every((pause, index) => pause >= (pauses[index - 1] ?? 0) - 1)).toBe(true)
    expect(pauses.at(-1)).toBeCloseTo(5_000, -1)
  })

  test('begin longer if many clients join, but not with more than 5 s', async () => {
    const first = async (load: number) => (await pausesOf({ load }))[0] ?? 0
    expect(await first(10)).toBeCloseTo(400, -1)
    expect(await first(50)).toBeCloseTo(2_000, -1)
    expect(await first(1_000)).toBeCloseTo(5_000, -1)
  })

  test('vary by a quarter, so that clients do not read in step', async () => {
    const byChance = async (chance: number) => {
      vi.spyOn(Math, 'random').mockReturnValue(chance)
      return (await pausesOf({}))[0] ?? 0
    }
    expect(await byChance(0)).toBeCloseTo(300, -1)
    expect(await byChance(0.999_999)).toBeCloseTo(500, -1)
  })
})

test('the load of an isolate counts recent joins, and forgets them without news of their end', () => {
  const joined = createJoinLoad()
  for (let index = 1; index <= 100; index += 1) expect(joined(1_000)).toBe(index)
  expect(joined(11_000)).toBe(51)
  expect(joined(311_000)).toBeCloseTo(1)
  expect(joined(0)).toBeCloseTo(2)
})

test.each([
  [undefined, 0],
  ['', 0],
  ['12', 12],
  ['-1', 0],
  ['1.5', 0],
  ['1e3', 0],
  ['9999999999', 0],
  ['12 ', 0],
])('Last-Event-ID %j names the place %i', (header, place) => {
  expect(placeOf(header)).toBe(place)
})
