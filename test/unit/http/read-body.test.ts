import { afterEach, describe, expect, test, vi } from 'vitest'
import { readBody } from '../../../src/http/read-body.ts'
import { limits } from '../../../src/limits.ts'

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** A body that arrives in pieces of this size; the bytes count up. */
function bodyOf(bytes: number, pieceBytes: number): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream({
    pull(controller) {
      if (sent === bytes) return controller.close()
      const piece = Uint8Array.from(
        { length: Math.min(pieceBytes, bytes - sent) },
        (_, index) => (sent + index) % 251,
      )
      sent += piece.length
      controller.enqueue(piece)
    },
  })
}

const sizes = [0, 1, 100, 1_023, 1_024, 1_025, 5_000, 70_000, limits.bodyBytes]

describe.each([1, 7, 1_000, 65_536])('a body in pieces of %i bytes', (pieceBytes) => {
  test.each(sizes)(
    'of %i bytes is read whole, in a buffer of at most twice its size',
    async (size) => {
      const bytes = await readBody(bodyOf(size, pieceBytes))
      expect(bytes).toHaveLength(size)
      expect(bytes.every((byte, index) => byte === index % 251)).toBe(true)
      expect(bytes.buffer.byteLength).toBeLessThanOrEqual(Math.max(2 * size, 1_024))
    },
  )

  test('is copied about twice, whatever its size', async () => {
    for (const size of sizes) {
      let copied = 0
      // oxlint-disable-next-line typescript/unbound-method -- called below on its array
      const { set } = Uint8Array.prototype
      vi.spyOn(Uint8Array.prototype, 'set').mockImplementation(function (
        this: Uint8Array,
        ...args: Parameters<typeof set>
      ) {
        copied += args[0].length
        set.apply(this, args)
      })
      await readBody(bodyOf(size, pieceBytes))
      vi.restoreAllMocks()
      // Each byte once as it arrives, and once for each doubling after it: 1 + 1/2 + 1/4 + …
      expect(copied).toBeGreaterThanOrEqual(size)
      expect(copied).toBeLessThanOrEqual(3 * size)
    }
  })
})

test('1,500 bodies that have only begun occupy what has arrived, not what may come', async () => {
  const before = process.memoryUsage().arrayBuffers
  const controllers: ReadableStreamDefaultController<Uint8Array>[] = []
  const bodies = Array.from({ length: 1_500 }, () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void controllers.push(controller),
    })
    return readBody(body)
  })
  for (const controller of controllers) controller.enqueue(Uint8Array.of(0x7b))
  await new Promise((resolve) => setImmediate(resolve))
  const bytes = process.memoryUsage().arrayBuffers - before
  expect(bytes / bodies.length).toBeLessThan(4 * 1_024)
  for (const controller of controllers) controller.close()
  for (const body of await Promise.all(bodies)) expect(body).toEqual(Uint8Array.of(0x7b))
})

test('a body that is too long is refused at the first byte too many', async () => {
  let sent = 0
  const endless = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        sent += 1_024
        controller.enqueue(new Uint8Array(1_024))
      },
    },
    { highWaterMark: 0 },
  )
  await expect(readBody(endless)).rejects.toMatchObject({ code: 'body_too_large' })
  expect(sent).toBe(limits.bodyBytes + 1_024)
})

test('a body that never ends is refused after 15 s, and is cancelled', async () => {
  vi.useFakeTimers()
  let isCancelled = false
  let timer: ReturnType<typeof setInterval> | undefined
  const dripping = new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setInterval(() => controller.enqueue(Uint8Array.of(0x20)), 1_000)
    },
    cancel() {
      isCancelled = true
      clearInterval(timer)
    },
  })
  const refusal = expect(readBody(dripping)).rejects.toMatchObject({
    code: 'body_too_slow',
    options: { detail: 'A body must arrive within 15 seconds', retryAfterSeconds: 1 },
  })
  await vi.advanceTimersByTimeAsync(14_999)
  expect(isCancelled).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  await refusal
  expect(isCancelled).toBe(true)
})
