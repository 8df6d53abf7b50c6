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

  test('is told once that the model thinks, and not if there is text', async () => {
    const progress = createTurnProgress<string>()
    const news = watch(progress)
    progress.think()
    expect((await news.next()).value).toEqual({ kind: 'thinking' })
    progress.think()
    progress.append('Hi')
    expect((await news.next()).value).toMatchObject({ kind: 'text', text: 'Hi' })
    progress.think()
    progress.finish('done')
    expect((await news.next()).value).toEqual({ kind: 'end', end: 'done' })
    const late = watch(progress)
    expect((await late.next()).value).toMatchObject({ kind: 'text' })
  })

  test('gets a text that was taken back and begun anew from its first character', async () => {
    const progress = createTurnProgress<string>()
    const [quick, slow] = [watch(progress), watch(progress)]
    progress.append('Okay, so.')
    expect((await quick.next()).value).toMatchObject({ text: 'Okay, so.', place: 9 })
    expect((await slow.next()).value).toMatchObject({ text: 'Okay, so.', place: 9 })
    progress.takeBack()
    progress.append('Yes')
    expect((await quick.next()).value).toEqual({ kind: 'text', text: 'Yes', place: 3 })
    progress.append(', it really is.')
    expect((await quick.next()).value).toMatchObject({ text: ', it really is.', place: 18 })
    expect((await slow.next()).value).toMatchObject({ text: 'Yes, it really is.', place: 18 })
  })

  test('is told again that the model thinks, if all its text was thinking', async () => {
    const progress = createTurnProgress<string>()
    const news = watch(progress)
    progress.think()
    expect((await news.next()).value).toEqual({ kind: 'thinking' })
    progress.append('Okay, so.')
    expect((await news.next()).value).toMatchObject({ text: 'Okay, so.' })
    progress.takeBack()
    expect((await news.next()).value).toEqual({ kind: 'thinking' })
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

describe('a reply that is continued', () => {
  test('begins with its stored text, and thinks before there is more', () => {
    const progress = createTurnProgress<string>('So far')
    expect([progress.text, progress.isThinking]).toEqual(['So far', false])
    progress.think()
    expect(progress.isThinking).toBe(true)
    progress.append(' so good')
    expect([progress.text, progress.isThinking]).toEqual(['So far so good', false])
  })

  test('takes back only what is new, and is told anew with its stored text', async () => {
    const progress = createTurnProgress<string>('So far')
    const news = watch(progress, 6)
    progress.takeBack()
    expect(progress.takenBack).toBe(0)
    progress.append(' I think')
    expect((await news.next()).value).toEqual({ kind: 'text', text: ' I think', place: 14 })
    progress.takeBack()
    expect([progress.text, progress.takenBack]).toEqual(['So far', 1])
    progress.append(' so good')
    const text = 'So far so good'
    expect((await news.next()).value).toEqual({ kind: 'text', text, place: text.length })
  })
})
