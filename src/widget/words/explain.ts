import { fill, type Words } from './words.ts'

function wordsByStatus(words: Words, status: number): string {
  if (status === 401) return words.signedOut
  if (status === 404) return words.notHere
  if (status === 413) return words.tooLarge
  if (status === 429) return words.tooMany
  return status >= 500 ? words.broken : words.refused
}

/**
 * A failure as a sentence or two for the visitor; never JSON, never longer than 300 characters.
 * Where its `code` has no words, what the visitor can mend is said by the server's `detail`.
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
  const byCode = Object.entries(words).find(([name]) => name === code)?.[1]
  // What is wrong inside the server is no concern of a visitor's.
  const told = status < 500 && status !== 401 && status !== 404 ? detail?.slice(0, 300) : undefined
  const what = byCode || told || wordsByStatus(words, status)
  const seconds = Math.ceil((failure.retryAfterMs ?? 0) / 1000)
  if (seconds < 2) return what
  const when =
    seconds < 120
      ? fill(words.retryInSeconds, seconds)
      : fill(words.retryInMinutes, Math.ceil(seconds / 60))
  return `${what} ${when}`
}
