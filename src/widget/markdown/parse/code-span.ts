/** The place of the run of backticks that closes a code span; -1 if there is none. A longer run does not close it. */
export function closingRun(source: string, from: number, run: string): number {
  const pattern = new RegExp(`(?<!\`)${run}(?!\`)`, 'g')
  pattern.lastIndex = from
  return pattern.exec(source)?.index ?? -1
}

/** The text of a code span: one line, without one space of padding on each side. */
export function codeText(raw: string): string {
  const text = raw.replaceAll('\n', ' ')
  const isPadded = text.startsWith(' ') && text.endsWith(' ') && text.trim() !== ''
  return isPadded ? text.slice(1, -1) : text
}
