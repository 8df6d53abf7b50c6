/** How both pg and PGlite report an error of the server. */
interface ServerError extends Error {
  code: string
  position?: string
  detail?: string
  hint?: string
}

const advice: Record<string, string> = {
  '25001':
    'a file with only this statement can run without one: begin it with "-- migrate: no-transaction"',
  '55P03':
    'another session held a lock that it needs for 10 s: run it again when that session has ended',
  '57P01': 'run it again: it goes on where it stopped',
}

/** An error with an SQLSTATE: the server has answered, so the connection is still open. */
export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && 'code' in error
}

/**
 * The server's message for a terminal or a CI log. It omits values from tables, because a visitor may have written them.
 * Errors of class 22 quote a bad value in their message (with a position, the value is from the file itself); classes 22
 * and 23 quote rows in their detail.
 */
export function describeError(error: unknown): string {
  if (!isServerError(error)) return error instanceof Error ? error.message : String(error)
  const { code, position, detail, hint } = error
  const quotesData = code.startsWith('22') && position === undefined
  const message = quotesData ? error.message.replace(/".*"/s, '"…"') : error.message
  const lines = [`${message} (${code})`]
  if (detail !== undefined && !/^2[23]/.test(code)) lines.push(`detail: ${detail}`)
  for (const text of [hint, advice[code]]) if (text !== undefined) lines.push(`hint: ${text}`)
  return lines.join('\n  ')
}
