import type { PromptMessage } from '../../llm/chat-model.ts'
import { type ContinuedPart, shorterContinuedPart } from '../continue/request.ts'
import type { SentPrompt } from '../turn-end.ts'
import type { RecalledTurn, WindowTurn } from '../turn.ts'
import { renderMessage } from './render.ts'
import { newestTurns, overhead } from './window.ts'

/**
 * A part of a prompt. The parts come in the order of the prompt. `tokens` are without the overhead of the chat format,
 * except those of a turn, which include it. They are a bound unless `exact`.
 */
export type PromptPart = SystemPart | TurnPart | RecalledPart | MessagePart | ContinuedPart

interface SystemPart {
  kind: 'system'
  tokens: number
  content: string
}

interface TurnPart extends WindowTurn {
  kind: 'turn'
}

/** Older turns, quoted in the last user message before the message itself. */
interface RecalledPart {
  kind: 'recalled'
  turns: readonly Pick<RecalledTurn, 'sessionId' | 'replySeq'>[]
  tokens: number
  content: string
}

interface MessagePart {
  kind: 'message'
  /** Of the user's message. */
  seq: number
  tokens: number
  /** As the model is sent it, the quotation included. */
  content: string
}

export interface PromptInput {
  system: { content: string; tokens: number }
  /** Oldest first. */
  window: readonly WindowTurn[]
  recalled?: Omit<RecalledPart, 'kind'> | undefined
  message: { seq: number; content: string; tokens: number }
  /** Of a reply that is continued. */
  continued?: ContinuedPart | undefined
}

/** The parts of a prompt: system prompt, whole turns, what is recalled, the new message, the reply that is continued. */
export function promptParts({
  system,
  window,
  recalled,
  message,
  continued,
}: PromptInput): PromptPart[] {
  return [
    { kind: 'system', ...system },
    ...window.map((turn): TurnPart => ({ kind: 'turn', ...turn })),
    ...(recalled === undefined ? [] : [{ kind: 'recalled' as const, ...recalled }]),
    { kind: 'message', ...message },
    ...(continued === undefined ? [] : [continued]),
  ]
}

/** The messages that the parts become. */
export function promptMessages(parts: readonly PromptPart[]): PromptMessage[] {
  const recalled = parts.find((part) => part.kind === 'recalled')
  return parts.flatMap((part): PromptMessage[] => {
    switch (part.kind) {
      case 'system':
        return [{ role: 'system', content: part.content }]
      case 'turn':
        return [
          { role: 'user', content: renderMessage(part.message, part.contextText) },
          { role: 'assistant', content: part.reply },
        ]
      case 'recalled':
        return []
      case 'message':
        return [
          {
            role: 'user',
            content: recalled ? `${recalled.content}\n\n${part.content}` : part.content,
          },
        ]
      case 'continued':
        return [
          { role: 'assistant', content: part.text },
          { role: 'user', content: part.request },
        ]
    }
  })
}

/** An upper bound of the prompt's tokens, overhead included. */
export function promptTokens(parts: readonly PromptPart[]): number {
  return parts.reduce<number>(
    (sum, { kind, tokens }) => sum + tokens + ownMessages[kind] * overhead.messageTokens,
    overhead.replyTokens,
  )
}

/** How many messages a part is whose overhead its tokens do not include. */
const ownMessages = { system: 1, turn: 0, recalled: 0, message: 1, continued: 2 } as const

/** The record of the parts that is stored with the reply. */
export function sentPrompt(parts: readonly PromptPart[]): SentPrompt {
  const first = parts.find((part) => part.kind === 'turn' || part.kind === 'message')
  const recalled = parts.find((part) => part.kind === 'recalled')
  const continued = parts.find((part) => part.kind === 'continued')
  const own = recalled?.turns.filter(({ sessionId }) => sessionId === undefined) ?? []
  return {
    windowFrom: first?.seq ?? 1,
    recalled: own.map(({ replySeq }) => replySeq),
    recalledElsewhere: (recalled?.turns.length ?? 0) - own.length,
    recalledTokens: recalled?.tokens ?? 0,
    ...(continued && { continuedTokens: continued.tokens }),
  }
}

/**
 * The prompt without what is recalled, and with only the newest of its turns, which take at most a share of what all its
 * turns take. Of a reply that is continued, it has the same share.
 */
export function shorterPrompt(parts: readonly PromptPart[], share: number): PromptPart[] {
  const turns = parts.filter((part) => part.kind === 'turn')
  const tokens = share * turns.reduce((sum, turn) => sum + turn.tokens, 0)
  const kept = newestTurns(turns, { maxTurns: turns.length, tokens })
  return parts
    .filter((part) => part.kind !== 'recalled' && (part.kind !== 'turn' || kept.includes(part)))
    .map((part) => (part.kind === 'continued' ? shorterContinuedPart(part, share) : part))
}
