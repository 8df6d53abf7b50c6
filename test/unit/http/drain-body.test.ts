import { Hono } from 'hono'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { drainBody } from '../../../src/http/middleware/drain-body.ts'

afterEach(() => vi.useRealTimers())

const MiB = 1024 * 1024

/** A body of so many bytes, as fast as it is read; without an end if `isEndless`. */
function upload(bytes: number, { isEndless = false, maxPiece = Infinity } = {}) {
  const state = { sent: 0, reads: 0, largestBuffer: 0, isCancelled: false }
  const body = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const view = controller.byobRequest?.view
      if (!view) throw new Error('was not read into a buffer')
      state.largestBuffer = Math.max(state.largestBuffer, view.buffer.byteLength)
      const piece = Math.min(view.byteLength, bytes - state.sent, maxPiece)
      if (piece === 0 && isEndless) return
      if (piece === 0) controller.close()
      state.reads += 1
      state.sent += piece
      controller.byobRequest?.respond(piece)
    },
    cancel() {
      state.isCancelled = true
    },
  })
  return { state, body }
}

const app = new Hono()
  .use(drainBody())
  .post('/refused', (c) => c.text('no', 401))
  .post('/read', async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)))

function post(path: string, body: ReadableStream) {
  return app.request(path, { method: 'POST', body, duplex: 'half' } as RequestInit)
}

describe('a body that nobody has read', () => {
  test('is read to its end before the answer, in large pieces', async () => {
    const { state, body } = upload(10 * MiB)
    const response = await post('/refused', body)
    expect(response.status).toBe(401)
    expect(state.sent).toBe(10 * MiB)
    expect(state.reads).toBeLessThan(200)
    expect(state.largestBuffer).toBe(64 * 1024)
  })

  test('is read up to 16 MiB', async () => {
    const { state, body } = upload(1024 * MiB)
    expect((await post('/refused', body)).status).toBe(401)
    expect(state.sent).toBeGreaterThanOrEqual(16 * MiB)
    expect(state.sent).toBeLessThan(17 * MiB)
    expect(state.isCancelled).toBe(true)
  })

  test('occupies little if it arrives in small pieces', async () => {
    const { state, body } = upload(100_000, { maxPiece: 1_000 })
    await post('/refused', body)
    expect(state.sent).toBe(100_000)
    expect(state.largestBuffer).toBe(4 * 1024)
  })

  test('is given up when nothing of it arrives for a second', async () => {
    vi.useFakeTimers()
    for (const bytes of [0, 5_000]) {
      const { state, body } = upload(bytes, { isEndless: true })
      let status = 0
      const answered = Promise.resolve(post('/refused', body)).then(
        (each) => (status = each.status),
      )
      await vi.advanceTimersByTimeAsync(900)
      expect(status).toBe(0)
      await vi.advanceTimersByTimeAsync(bytes === 0 ? 100 : 1_100)
      await answered
      expect([status, state.isCancelled]).toEqual([401, true])
    }
  })

  test('is given up after 15 s, however steadily it drips', async () => {
    vi.useFakeTimers()
    let timer: ReturnType<typeof setInterval> | undefined
    const body = new ReadableStream({
      type: 'bytes',
      start(controller) {
        timer = setInterval(() => controller.enqueue(Uint8Array.of(0)), 500)
      },
      cancel: () => clearInterval(timer),
    })
    let status = 0
    const answered = Promise.resolve(post('/refused', body)).then((each) => (status = each.status))
    await vi.advanceTimersByTimeAsync(14_900)
    expect(status).toBe(0)
    await vi.advanceTimersByTimeAsync(100)
    await answered
    expect(status).toBe(401)
  })
})

test('a body that the route has read is left alone', async () => {
  const response = await post('/read', new Blob(['x'.repeat(100_000)]).stream())
  expect(await response.text()).toBe('100000')
})
