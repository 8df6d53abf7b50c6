import { invalidRequest, Problem } from '../errors.ts'
import { limits } from '../limits.ts'

/** Long enough for a phone with a bad connection, too short for a client that sends a byte now and then. */
const bodyTimeoutMs = 15_000
const firstBufferBytes = 1024

/**
 * Reads a body. The limit counts the bytes that arrive, whatever a header claims, and so does the memory: a body that
 * says it is long and arrives slowly occupies little.
 * @throws Problem `body_too_large` at the first byte too many, `body_too_slow`, `invalid_request` if the body breaks off
 */
export async function readBody(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = body.getReader()
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const detail = `A body must arrive within ${bodyTimeoutMs / 1_000} seconds`
    late.reject(new Problem('body_too_slow', { detail, retryAfterSeconds: 1 }))
  }, bodyTimeoutMs)
  try {
    return await Promise.race([readAll(reader), late.promise])
  } catch (error) {
    // The rest of a body that is too long is drained before the answer.
    if (error instanceof Problem && error.code === 'body_too_large') reader.releaseLock()
    // Nothing waits for the rest of another body, so a failure to cancel it changes nothing.
    else reader.cancel().catch(() => {})
    throw error instanceof Problem ? error : bodyFault('ended too early', error)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The buffer doubles when it is full. So it is at most twice as long as what has arrived, and all copying together is
 * linear, however small the pieces are.
 */
async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array> {
  let buffer = new Uint8Array(0)
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return buffer.subarray(0, length)
    const needed = length + value.length
    if (needed > limits.bodyBytes)
      throw new Problem('body_too_large', { detail: `At most ${limits.bodyBytes} bytes` })
    if (needed > buffer.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * length, firstBufferBytes))
      larger.set(buffer.subarray(0, length))
      buffer = larger
    }
    buffer.set(value, length)
    length = needed
  }
}

export function bodyFault(message: string, cause: unknown): Problem {
  return invalidRequest([{ field: 'body', message }], cause)
}
