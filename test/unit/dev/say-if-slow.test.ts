import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sayIfSlow } from '../../../scripts/dev/say-if-slow.ts'

const log = vi.spyOn(console, 'log')
beforeEach(() => {
  vi.useFakeTimers()
  log.mockReset().mockImplementation(() => {})
})
afterEach(() => {
  vi.useRealTimers()
})

test('work that takes a second is said while it lasts, once', async () => {
  const work = Promise.withResolvers<string>()
  const result = sayIfSlow('Building', work.promise)
  await vi.advanceTimersByTimeAsync(999)
  expect(log).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(log.mock.calls).toEqual([['Building']])
  work.resolve('built')
  expect(await result).toBe('built')
})

test('work that is soon done, or soon fails, is not said', async () => {
  await sayIfSlow('Building', Promise.resolve())
  await expect(sayIfSlow('Building', Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  await vi.advanceTimersByTimeAsync(10_000)
  expect(log).not.toHaveBeenCalled()
})
