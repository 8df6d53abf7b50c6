/** A turn from before the window, as the prompt quotes it: long texts are cut. */
export interface QuotedTurn {
  /** Such as `2026-09-03`. */
  readonly date: string
  readonly message: string
  readonly reply: string
}

/** The newest message of a visitor, in two parts. */
interface Reminded {
  /** Oldest first. */
  readonly recalled: readonly QuotedTurn[]
  /** The visitor's new message. */
  readonly message: string
}

/** The quotation ends at the first line without `>`, so no words of the message can belong to it. */
const reminderPattern =
  /^From earlier (?:in this conversation|conversations with this visitor), oldest first, quoted; it may be out of date:\n\n((?:>[^\n]*\n)+)\nNow the visitor writes:\n\n/

/** Reads the quotation of earlier turns at the very beginning of the newest message. */
export function splitReminder(content: string): Reminded {
  const match = reminderPattern.exec(content)
  if (!match) return { recalled: [], message: content }
  const [whole, quoted = ''] = match
  return { recalled: readTurns(quoted), message: content.slice(whole.length) }
}

/** Only the first line of a text begins at its margin: no text can pose as a speaker. */
const speakerPattern =
  /^(?:\[(\d{4}-\d\d-\d\d)\] )?(Visitor selected on the page|Visitor|You):(?: (.*))?$/s

function readTurns(quoted: string): QuotedTurn[] {
  const turns: { date: string; texts: Record<string, string> }[] = []
  let speaker = ''
  for (const line of quoted.trimEnd().split('\n')) {
    const words = line.replace(/^> ?/, '')
    const [, date, name, text = ''] = speakerPattern.exec(words) ?? []
    if (date !== undefined) turns.push({ date, texts: {} })
    const texts = turns.at(-1)?.texts
    if (texts === undefined) continue
    if (name === undefined) texts[speaker] += `\n${words.replace(/^ {4}/, '')}`
    else texts[(speaker = name)] = text
  }
  return turns.map(({ date, texts }) => ({
    date,
    message: texts['Visitor']?.trim() ?? '',
    reply: texts['You']?.trim() ?? '',
  }))
}
