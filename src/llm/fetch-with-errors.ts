import { readBeginning, readTexts } from './read-body.ts'
import { readServerError, type ServerError } from './server-error.ts'

/** Longer than any error that a client needs to know, and too short to fill the memory. */
const mostErrorChars = 64 * 1024

/**
 * `fetch` for the package: it brings the errors of all servers into OpenAI's form, the only one of which the package keeps
 * something, and reads no more of an error than it should. (The package reads all that comes.)
 */
export async function fetchWithErrors(
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<Response> {
  const response = await fetch(input, init)
  if (response.status < 400 || response.body === null) return response
  const signal = init.signal ?? new AbortController().signal
  // An error that breaks off is still an error of this status.
  const text = await readBeginning(readTexts(response.body, signal), mostErrorChars).catch(() => '')
  signal.throwIfAborted()
  const retryAfter = response.headers.get('retry-after')
  return new Response(JSON.stringify({ error: toError(text) }), {
    status: response.status,
    headers: retryAfter === null ? {} : { 'retry-after': retryAfter },
  })
}

function toError(text: string): ServerError {
  const message = text.slice(0, mostErrorChars)
  try {
    return readServerError(JSON.parse(text)) ?? { message }
  } catch {
    return { message }
  }
}
