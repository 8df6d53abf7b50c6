import { createMiddleware } from 'hono/factory'

/** Bounds of what is read: a client can send that much by mistake, such as a picture in `metadata`. */
const maxBytes = 16 * 1024 * 1024
/** The answer is sent when nothing has arrived for this time, or after this many such times. */
const quietMs = 1_000
const maxTimes = 15
/** A body that arrives fast is read in large pieces, which cost a fifth of the CPU time; a slow one occupies little. */
const readBytes = { first: 4 * 1024, max: 64 * 1024 }

/**
 * Reads the rest of a body that nobody has read, before a refusal is sent. A server that answers and closes the
 * connection while its client still uploads resets it, and the client then finds a lost connection (behind a proxy: a
 * 500) instead of the answer. The bounds keep a client from holding the request open.
 */
export function drainBody() {
  return createMiddleware(async (c, next) => {
    const { body } = c.req.raw
    await next()
    // A route that reads a body to its end keeps its lock.
    if (body !== null && !body.locked) await drain(body)
  })
}

async function drain(body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader({ mode: 'byob' })
  let buffer = new Uint8Array(readBytes.first)
  const enough = Promise.withResolvers<{ done: true; value: undefined }>()
  let bytes = 0
  let times = 0
  let bytesBefore = 0
  const timer = setInterval(() => {
    times += 1
    if (bytes === bytesBefore || times === maxTimes)
      enough.resolve({ done: true, value: undefined })
    bytesBefore = bytes
  }, quietMs)
  try {
    while (bytes < maxBytes) {
      const read = await Promise.race([reader.read(buffer), enough.promise])
      if (read.done) break
      bytes += read.value.length
      const wasFull = read.value.length === read.value.buffer.byteLength
      buffer =
        wasFull && read.value.length < readBytes.max
          ? new Uint8Array(2 * read.value.length)
          : new Uint8Array(read.value.buffer)
    }
  } catch {
    // The client has gone: nobody waits for the answer.
  } finally {
    clearInterval(timer)
    reader.cancel().catch(() => {})
  }
}
