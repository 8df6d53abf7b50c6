import { cutText } from '../../visible-text.ts'
import { fill, type Words } from './words.ts'

function wordsByStatus(words: Words, status: number): string {
  if (status === 401) return words.signedOut
  if (status === 404) return words.notHere
  if (status === 413) return words.tooLarge
  if (status === 429) return words.tooMany
  return status >= 500 ? words.broken : words.refused
}

/**
 * Explains a failure to the visitor, in one or two sentences. An unknown `code` is explained by the server's `detail`,
 * cut to 300 characters, if the visitor can do something about it; otherwise by the HTTP status.
 */
export function explain(
  words: Words,
  failure: {
    status: number
    code: string
    detail?: string | undefined
    retryAfterMs?: number | undefined
  },
): string {
  const { status, code, detail } = failure
  const byCode = Object.hasOwn(words, code) && words[code as keyof Words]
  // The details of a server fault are not for visitors.
  const advice = status < 500 && status !== 401 && status !== 404 && detail && cutText(detail, 300)
  const what = byCode || advice || wordsByStatus(words, status)
  const seconds = Math.ceil((failure.retryAfterMs ?? 0) / 1000)
  if (seconds < 2) return what
  const when =
    seconds < 120
      ? fill(words.retryInSeconds, seconds)
      : fill(words.retryInMinutes, Math.ceil(seconds / 60))
  return `${what} ${when}`
}
