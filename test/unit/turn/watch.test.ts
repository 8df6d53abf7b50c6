import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createTurnProgress } from '../../../src/turn/turn-progress.ts'
import { watch } from '../../../src/turn/watch.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('whoever watches a reply', () => {
  test('gets all text that arrived since the last pull as one piece, then the end', async () => {
    const progress = createTurnProgress<string>()
    const news = watch(progress)
    progress.append('One')
    progress.append(' two')
    expect(await news.next()).toEqual({
      done: false,
      value: { kind: 'text', text: 'One two', place: 7 },
    })
    const next = news.next()
    progress.append(' three')
    expect((await next).value).toEqual({ kind: 'text', text: ' three', place: 13 })
    progress.finish('done')
    expect((await news.next()).value).toEqual({ kind: 'end', end: 'done' })
    expect((await news.next()).done).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('gets the text before the end, also if both arrived together', async () => {
    const progress = createTurnProgress<string>()
    const news = watch(progress)
    const first = news.next()
    progress.append('All')
    progress.finish('done')
    expect((await first).value).toMatchObject({ text: 'All' })
    expect((await news.next()).value).toEqual({ kind: 'end', end: 'done' })
  })

  test('begins at a place in the text', async () => {
    const progress = createTurnProgress<string>()
    progress.append('Hello')
    const news = watch(progress, 3)
    expect((await news.next()).value).toEqual({ kind: 'text', text: 'lo', place: 5 })
  })

  test('is told every 15 s that nothing happens', async () => {
    const progress = createTurnProgress<string>()
    const news = watch(progress)
    for (let count = 0; count < 3; count += 1) {
      const next = news.next()
      await vi.advanceTimersByTimeAsync(15_000)
      expect((await next).value).toEqual({ kind: 'quiet' })
    }
  })

  test('costs one timer, however many pieces come', async () => {
    const progress = createTurnProgress<string>()
    const news = watch(progress)
    const setTimer = vi.spyOn(globalThis, 'setTimeout')
    const setRepeated = vi.spyOn(globalThis, 'setInterval')
    for (let count = 0; count < 100; count += 1) {
      progress.append('x')
      await news.next()
    }
    expect(setTimer).not.toHaveBeenCalled()
    expect(setRepeated).toHaveBeenCalledTimes(1)
  })

  test('leaves nothing behind, and several may watch', async () => {
    const progress = createTurnProgress<string>()
    const [leaving, staying] = [watch(progress), watch(progress)]
    progress.append('a')
    await leaving.next()
    await leaving.return()
    expect((await staying.next()).value).toMatchObject({ text: 'a' })
    expect(vi.getTimerCount()).toBe(1)
    progress.finish('done')
    await staying.next()
    await staying.next()
    expect(vi.getTimerCount()).toBe(0)
  })
})
