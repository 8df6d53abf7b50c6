/** What pg and PGlite both make of a refusal of the server. */
type ServerError = Error & { code: string; position?: string; detail?: string; hint?: string }

const advice: Record<string, string> = {
  '25001':
    'a file with this one statement can do without: begin it with "-- migrate: no-transaction"',
  '55P03': 'somebody held a lock that it needs for 10 s: run it again when that has ended',
  '57P01': 'run it again: it goes on after the last file that was applied',
}

/** True for an error with an SQLSTATE: the server has answered, so the connection is still there. */
export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && 'code' in error
}

/**
 * The server's message for a terminal or a CI log. Values that come out of a table are left out, since they may be
 * what a visitor wrote: class 22 quotes a bad value in its message (with a position, it stood in the file itself), 22
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
