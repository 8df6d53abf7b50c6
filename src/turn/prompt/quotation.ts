import { findHits, type Hit, passageOf } from '../recall/passage.ts'
import type { RecallQuery } from '../recall/terms.ts'
import { countTokens } from '../tokens/token-count.ts'
import type { RecalledTurn } from '../turn.ts'

/** Turns from before the window, as the last user message quotes them. */
export interface RecalledQuotation {
  /** Comes before the message, an empty line apart. */
  content: string
  /** A bound: what the last user message takes with the quotation, less the tokens of the message. */
  tokens: number
  /** Oldest first. */
  turns: QuotedTurn[]
}

/** A turn with its texts as they are quoted. */
export interface QuotedTurn extends RecalledTurn {
  /** `words`: it has words of the new message; `previous_words`: only borrowed ones; `beside`: none. */
  because: 'words' | 'previous_words' | 'beside'
  /** The words that the turn has, also where it is cut: first those of the new message, then borrowed ones. */
  matched: string[]
  /** Whether a text was cut; undefined if it is not known, and the texts are whole. */
  cut: boolean | undefined
}

export interface QuotationInput extends SoughtWords {
  maxTokens: number
  /** The new message as it is sent without a quotation, and a bound of its tokens. */
  message: { content: string; tokens: number }
}

/** The words that the turns were found by. */
interface SoughtWords {
  query: RecallQuery
  /** The words that the message borrowed of the one before. It decides no cut: only `because` and `matched` depend on it. */
  borrowed?: RecallQuery | undefined
}

/** How much of a text is quoted. */
const chars = { message: 800, contextText: 400, reply: 400 }
/** If fewer turns than this fit, the texts are cut shorter, down to a quarter. */
const wantedTurns = 4
const shares = [1, 1 / 2, 1 / 4]

const intro = {
  session: 'From earlier in this conversation, oldest first, quoted; it may be out of date:',
  user: 'From earlier conversations with this visitor, oldest first, quoted; it may be out of date:',
}
const outro = 'Now the visitor writes:'
const turnBreak = '\n>\n'
/** As Unicode and Python know them, so that no reader finds a line that is not marked as quoted. */
// oxlint-disable-next-line no-control-regex -- three of them part paragraphs
const lineEnd = /\r\n|[\n\v\f\r\x1c-\x1e\u0085\u2028\u2029]/

/**
 * Quotes turns within a limit of tokens: the best ones, written oldest first. Each line is marked as quoted, and each line of a
 * text but its first is indented, so that no text can end the quotation or pose as a speaker.
 * @param turns best first
 */
export function quoteRecalled(
  turns: readonly RecalledTurn[],
  { maxTokens, message, ...sought }: QuotationInput,
): { quotation: RecalledQuotation | undefined; dropped: RecalledTurn[] } {
  const found = turns.map((turn) => lazily(() => findWords(turn, sought)))
  let kept: QuotedTurn[] = []
  for (const share of shares) {
    if (kept.length >= Math.min(wantedTurns, turns.length)) break
    kept = fitting(found, share, maxTokens)
  }
  // In theory, the whole may take more tokens than its parts.
  for (; kept.length > 0; kept.pop()) {
    const oldestFirst = kept.toSorted(byAge)
    const content = write(oldestFirst)
    const tokens = Math.max(0, countTokens(`${content}\n\n${message.content}`) - message.tokens)
    if (tokens <= maxTokens)
      return {
        quotation: { content, tokens, turns: oldestFirst },
        dropped: turns.slice(kept.length),
      }
  }
  return { quotation: undefined, dropped: [...turns] }
}

/**
 * Turns as a message quoted them that was sent before. Their cuts follow from the tokens of the quotation, unless it had
 * other turns too.
 * @param sent.content the message without the quotation
 * @param sent.recalledTokens what was recorded of it; turns that were erased since may be in it
 * @param sent.elsewhere how many turns of other sessions it had
 */
export function quotedAgain(
  turns: readonly RecalledTurn[],
  {
    content,
    recalledTokens,
    elsewhere,
    ...sought
  }: SoughtWords & { content: string; recalledTokens: number; elsewhere: number },
): QuotedTurn[] {
  const found = turns.map((turn) => findWords(turn, sought))
  if (elsewhere > 0)
    return found.map(({ turn, reason }) => ({ ...turn, ...reason, cut: undefined })).toSorted(byAge)
  const quotedAt = (share: number) => found.map((turn) => cutTurn(turn, share)).toSorted(byAge)
  const messageTokens = countTokens(content)
  const share = shares.find(
    (each) =>
      countTokens(`${write(quotedAt(each))}\n\n${content}`) - messageTokens <= recalledTokens,
  )
  return quotedAt(share ?? shares.at(-1)!)
}

/** A turn, and where the words of the query are in its texts. */
interface FoundTurn {
  turn: RecalledTurn
  hits: Record<keyof typeof chars, Hit[]>
  reason: Pick<QuotedTurn, 'because' | 'matched'>
}

function findWords(turn: RecalledTurn, { query, borrowed }: SoughtWords): FoundTurn {
  const hits = hitsOf(turn, query)
  const own = heldWords(query, hits)
  const others = borrowed ? heldWords(borrowed, hitsOf(turn, borrowed)) : []
  const because = own.length > 0 ? 'words' : others.length > 0 ? 'previous_words' : 'beside'
  return { turn, hits, reason: { because, matched: [...own, ...others] } }
}

function hitsOf(turn: RecalledTurn, query: RecallQuery): FoundTurn['hits'] {
  return {
    message: findHits(turn.message, query),
    contextText: findHits(turn.contextText ?? '', query),
    reply: findHits(turn.reply, query),
  }
}

function heldWords({ words }: RecallQuery, hits: FoundTurn['hits']): string[] {
  const held = new Set(Object.values(hits).flatMap((places) => places.map(({ word }) => word)))
  return words.filter((_, word) => held.has(word))
}

/** The best turns, up to the first that does not fit. */
function fitting(
  found: readonly (() => FoundTurn)[],
  share: number,
  maxTokens: number,
): QuotedTurn[] {
  const kept: QuotedTurn[] = []
  let tokens = countTokens(`${intro.user}\n\n\n\n${outro}\n\n`)
  for (const turn of found) {
    const quoted = cutTurn(turn(), share)
    tokens += countTokens(turnBreak + writeTurn(quoted))
    if (tokens > maxTokens) break
    kept.push(quoted)
  }
  return kept
}

function cutTurn({ turn, hits, reason }: FoundTurn, share: number): QuotedTurn {
  const cut = (part: keyof typeof chars) =>
    passageOf(turn[part] ?? '', hits[part], chars[part] * share)
  const [message, contextText, reply] = [cut('message'), cut('contextText'), cut('reply')]
  return {
    ...turn,
    message: message.text,
    contextText: turn.contextText === null ? null : contextText.text,
    reply: reply.text,
    ...reason,
    cut: message.isCut || contextText.isCut || reply.isCut,
  }
}

/** @param turns oldest first */
function write(turns: readonly QuotedTurn[]): string {
  const scope = turns.some(({ sessionId }) => sessionId !== undefined) ? 'user' : 'session'
  return `${intro[scope]}\n\n${turns.map(writeTurn).join(turnBreak)}\n\n${outro}`
}

function byAge(a: QuotedTurn, b: QuotedTurn): number {
  return Date.parse(a.createdAt) - Date.parse(b.createdAt) || a.seq - b.seq
}

function writeTurn({ createdAt, message, contextText, reply }: QuotedTurn): string {
  const date = new Date(createdAt).toISOString().slice(0, 10)
  const selected = contextText === null ? [] : [speech('Visitor selected on the page', contextText)]
  const [first, ...others] = [...selected, speech('Visitor', message), speech('You', reply)]
  return [`> [${date}] ${first}`, ...others.map((text) => `> ${text}`)].join('\n')
}

/** Empty lines are left out: one of them is the border of two turns. */
function speech(speaker: string, text: string): string {
  const [first = '', ...others] = text.split(lineEnd).filter((line) => line.trim() !== '')
  return [`${speaker}: ${first.trim()}`, ...others.map((line) => `>     ${line}`)]
    .map((line) => line.trimEnd())
    .join('\n')
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => (made ??= { value: make() }).value
}
