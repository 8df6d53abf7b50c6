import { findHits, type Hit, passageOf } from '../recall/passage.ts'
import type { RecallQuery } from '../recall/terms.ts'
import { countTokens } from '../tokens/token-count.ts'
import type { RecalledTurn } from '../turn.ts'

/** Turns from before the window, as the last user message quotes them. */
export interface RecalledQuotation {
  /** What comes before the message, an empty line apart. */
  content: string
  /** A bound: what the last user message takes with the quotation, less the tokens of the message. */
  tokens: number
  /** Oldest first. */
  turns: QuotedTurn[]
}

export interface QuotedTurn {
  turn: RecalledTurn
  /** The texts as quoted. */
  message: string
  contextText: string | null
  reply: string
  /** Whether a text was cut. */
  cut: boolean
  /** `beside`: the neighbour of a turn with the words. */
  because: 'words' | 'beside'
  /** Words of the new message that the turn has. */
  matched: string[]
}

export interface QuotationInput {
  query: RecallQuery
  maxTokens: number
  /** The new message as it is sent without a quotation, and a bound of its tokens. */
  message: { content: string; tokens: number }
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
  { query, maxTokens, message }: QuotationInput,
): { quotation?: RecalledQuotation; dropped: RecalledTurn[] } {
  const candidates = turns.map((turn) => lazily(() => findWords(turn, query)))
  let kept: QuotedTurn[] = []
  for (const share of shares) {
    if (kept.length >= Math.min(wantedTurns, turns.length)) break
    kept = fitting(candidates, share, maxTokens)
  }
  // The parts may take less than the whole, in theory: a token never reaches over most borders.
  for (; kept.length > 0; kept.pop()) {
    const content = write(kept)
    const tokens = countTokens(`${content}\n\n${message.content}`) - message.tokens
    if (tokens <= maxTokens)
      return {
        quotation: { content, tokens: Math.max(tokens, 0), turns: kept.toSorted(byAge) },
        dropped: turns.slice(kept.length),
      }
  }
  return { dropped: [...turns] }
}

/** A turn, and where the words of the query are in its texts. */
interface FoundTurn {
  turn: RecalledTurn
  hits: Record<keyof typeof chars, Hit[]>
  matched: string[]
}

function findWords(turn: RecalledTurn, query: RecallQuery): FoundTurn {
  const hits = {
    message: findHits(turn.message, query),
    contextText: findHits(turn.contextText ?? '', query),
    reply: findHits(turn.reply, query),
  }
  const held = new Set(Object.values(hits).flatMap((found) => found.map(({ word }) => word)))
  return { turn, hits, matched: query.words.filter((_, word) => held.has(word)) }
}

/** The best turns, up to the first that does not fit. */
function fitting(
  candidates: readonly (() => FoundTurn)[],
  share: number,
  maxTokens: number,
): QuotedTurn[] {
  const kept: QuotedTurn[] = []
  let tokens = countTokens(`${intro.user}\n\n\n\n${outro}\n\n`)
  for (const candidate of candidates) {
    const quoted = cutTurn(candidate(), share)
    tokens += countTokens(turnBreak + writeTurn(quoted))
    if (tokens > maxTokens) break
    kept.push(quoted)
  }
  return kept
}

function cutTurn({ turn, hits, matched }: FoundTurn, share: number): QuotedTurn {
  const cut = (part: keyof typeof chars) =>
    passageOf(turn[part] ?? '', hits[part], chars[part] * share)
  const [message, contextText, reply] = [cut('message'), cut('contextText'), cut('reply')]
  return {
    turn,
    message: message.text,
    contextText: turn.contextText === null ? null : contextText.text,
    reply: reply.text,
    cut: message.isCut || contextText.isCut || reply.isCut,
    because: turn.share > 0 ? 'words' : 'beside',
    matched,
  }
}

function write(turns: readonly QuotedTurn[]): string {
  const scope = turns.some(({ turn }) => turn.sessionId !== undefined) ? 'user' : 'session'
  const quoted = turns.toSorted(byAge).map(writeTurn).join(turnBreak)
  return `${intro[scope]}\n\n${quoted}\n\n${outro}`
}

function byAge({ turn: a }: QuotedTurn, { turn: b }: QuotedTurn): number {
  return Date.parse(a.createdAt) - Date.parse(b.createdAt) || a.seq - b.seq
}

function writeTurn({ turn, message, contextText, reply }: QuotedTurn): string {
  const date = new Date(turn.createdAt).toISOString().slice(0, 10)
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
