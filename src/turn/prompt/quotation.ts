import { matchedWords, type RecallQuery } from '../recall/terms.ts'
import { countTokens } from '../tokens/token-count.ts'
import type { RecalledTurn } from '../turn.ts'

/** An older turn as it is quoted. */
export interface QuotedTurn {
  sessionId?: string
  seq: number
  replySeq: number
  createdAt: string
  score?: number
  share?: number
  message: string
  contextText: string | null
  reply: string
  matched: string[]
  cut: boolean
}

export interface RecalledQuotation {
  content: string
  tokens: number
  turns: QuotedTurn[]
}

const lineBreak = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/

export function quoteRecalled(
  turns: readonly RecalledTurn[],
  options: { query: RecallQuery; maxTokens: number; message: { content: string; tokens: number } },
): { quotation: RecalledQuotation | undefined; dropped: RecalledTurn[] } {
  const { query, maxTokens, message } = options
  for (let count = turns.length; count > 0; count -= 1) {
    const kept = quotedAgain(turns.slice(0, count), query).toSorted(
      (a, b) => a.createdAt.localeCompare(b.createdAt) || a.seq - b.seq,
    )
    const content = `${heading}\n\n${kept.map(quote).join('\n>\n')}\n\nNow the visitor writes:`
    const tokens = countTokens(`${content}\n\n${message.content}`) - message.tokens
    if (tokens <= maxTokens)
      return { quotation: { content, tokens, turns: kept }, dropped: turns.slice(count) }
  }
  return { quotation: undefined, dropped: [...turns] }
}

const heading = 'From earlier in this conversation, oldest first, quoted; it may be out of date:'

/** The turns as they are quoted for a message. */
export function quotedAgain<
  Turn extends Pick<
    QuotedTurn,
    'seq' | 'replySeq' | 'createdAt' | 'message' | 'contextText' | 'reply'
  >,
>(turns: readonly Turn[], query: RecallQuery): (Turn & Pick<QuotedTurn, 'matched' | 'cut'>)[] {
  return turns.map((turn) => ({
    ...turn,
    matched: matchedWords(query, `${turn.message}\n${turn.contextText ?? ''}\n${turn.reply}`),
    cut: turn.message.length > 800 || turn.reply.length > 400,
  }))
}

function quote({ createdAt, message, contextText, reply }: QuotedTurn): string {
  const lines = (speaker: string, text: string) =>
    `> ${speaker}: ${text.split(lineBreak).join('\n>     ')}`
  return [
    ...(contextText === null
      ? []
      : [lines('Visitor selected on the page', contextText.slice(0, 400))]),
    lines('Visitor', message.slice(0, 800)),
    lines('You', reply.slice(0, 400)),
  ]
    .join('\n')
    .replace('> ', `> [${createdAt.slice(0, 10)}] `)
}
