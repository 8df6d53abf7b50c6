import { invalidRequest, Problem } from '../errors.ts'
import { limits } from '../limits.ts'

/** For a phone with a bad connection, and not for one that sends a byte now and then. */
const bodyTimeoutMs = 15_000

/**
 * The whole body of a request.
 * @throws Problem `body_too_large` at the first byte too many, `body_too_slow`, `invalid_request` where it breaks off
 */
export async function readBody(body: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader()
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(new Problem('body_too_slow', { retryAfterSeconds: 1 }))
  }, bodyTimeoutMs)
  try {
    return await Promise.race([readAll(reader), late.promise])
  } catch (error) {
    // Nobody waits for the rest, nor for whether this succeeds.
    reader.cancel().catch(() => {})
    throw error instanceof Problem ? error : cutOff(error)
  } finally {
    clearTimeout(timer)
  }
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(limits.bodyBytes)
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return bytes.slice(0, length)
    if (length + value.length > limits.bodyBytes) throw tooLarge()
    bytes.set(value, length)
    length += value.length
  }
}

function tooLarge(): Problem {
  return new Problem('body_too_large', { detail: `At most ${limits.bodyBytes} bytes` })
}

function cutOff(cause: unknown): Problem {
  return invalidRequest([{ field: 'body', message: 'ended too early' }], cause)
}
