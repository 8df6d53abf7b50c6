import type { PromptMessage } from '../../llm/chat-model.ts'
import type { RecalledTurn, SentPrompt, WindowTurn } from '../turn.ts'
import { renderMessage } from './render.ts'
import { newestTurns, overhead } from './window.ts'

/**
 * A part of a prompt. The parts come in the order of the prompt. `tokens` are without the overhead of the chat format,
 * except those of a turn, which include it. They are a bound unless `exact`.
 */
export type PromptPart = SystemPart | TurnPart | RecalledPart | MessagePart

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
}

/** The parts of a prompt: system prompt, whole turns, what is recalled, the new message. */
export function promptParts({ system, window, recalled, message }: PromptInput): PromptPart[] {
  return [
    { kind: 'system', ...system },
    ...window.map((turn): TurnPart => ({ kind: 'turn', ...turn })),
    ...(recalled === undefined ? [] : [{ kind: 'recalled' as const, ...recalled }]),
    { kind: 'message', ...message },
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
    }
  })
}

/** An upper bound of the prompt's tokens, overhead included. */
export function promptTokens(parts: readonly PromptPart[]): number {
  return parts.reduce<number>(
    (sum, { kind, tokens }) => sum + tokens + (hasOwnOverhead(kind) ? overhead.messageTokens : 0),
    overhead.replyTokens,
  )
}

function hasOwnOverhead(kind: PromptPart['kind']): boolean {
  return kind === 'system' || kind === 'message'
}

/** The record of the parts that is stored with the reply. */
export function sentPrompt(parts: readonly PromptPart[]): SentPrompt {
  const first = parts.find((part) => part.kind === 'turn' || part.kind === 'message')
  const recalled = parts.find((part) => part.kind === 'recalled')
  const own = recalled?.turns.filter(({ sessionId }) => sessionId === undefined) ?? []
  return {
    windowFrom: first?.seq ?? 1,
    recalled: own.map(({ replySeq }) => replySeq),
    recalledElsewhere: (recalled?.turns.length ?? 0) - own.length,
    recalledTokens: recalled?.tokens ?? 0,
  }
}

/**
 * The prompt without what is recalled, and with only the newest of its turns, which take at most a share of what all its
 * turns take.
 */
export function shorterPrompt(parts: readonly PromptPart[], share: number): PromptPart[] {
  const turns = parts.filter((part) => part.kind === 'turn')
  const tokens = share * turns.reduce((sum, turn) => sum + turn.tokens, 0)
  const kept = newestTurns(turns, { maxTurns: turns.length, tokens })
  return parts.filter(
    (part) => part.kind !== 'recalled' && (part.kind !== 'turn' || kept.includes(part)),
  )
}
