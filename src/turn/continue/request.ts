import { mostTextBytes } from '../../llm/reply.ts'
import { turnOverheadTokens } from '../prompt/window.ts'
import { countTokens } from '../tokens/token-count.ts'
import type { ContinuedReply, ContinueLimits, ContinueRequest } from '../turn.ts'
import { endOfText } from './text-end.ts'

/** The user message after the text so far. The repeated words show where the model goes on: after a space, or in a word. */
export const continueRequest =
  'Your last message was cut off. Go on with it from exactly where it ends. ' +
  'Begin with its last few words, repeated as they are, and write only its text: no remark, no apology.'

const requestTokens = countTokens(continueRequest)
/** With less of the text, a model could not go on with it. */
const fewestTextTokens = 64
/** A continuation that could add less is not worth a call. */
const fewestNewBytes = 4_096

/**
 * How the reply may be continued.
 * @param room for the history beside the message
 * @returns also how many tokens are missing for it, if any are
 */
export function continueLimits(
  request: ContinueRequest,
  room: number,
): { limits: ContinueLimits; missingTokens: number } {
  const tokens = requestTokens + turnOverheadTokens
  return {
    limits: { ...request, tokens, maxBytes: mostTextBytes - fewestNewBytes },
    missingTokens: Math.max(0, tokens + fewestTextTokens - room),
  }
}

/** The text so far and the request, as the part of a prompt. */
export interface ContinuedPart {
  kind: 'continued'
  /** Of both messages. */
  tokens: number
  /** The end of the text, if all of it does not fit. */
  text: string
  request: string
}

export function continuedPart({ reply, tokens: maxTokens }: ContinuedReply): ContinuedPart {
  return partOf(reply.content, maxTokens)
}

/** The same with less of the text. */
export function shorterContinuedPart(
  { text, tokens }: ContinuedPart,
  share: number,
): ContinuedPart {
  return partOf(text, Math.ceil(share * (tokens - requestTokens)))
}

function partOf(content: string, maxTokens: number): ContinuedPart {
  const { text, tokens } = endOfText(content, maxTokens)
  return { kind: 'continued', tokens: tokens + requestTokens, text, request: continueRequest }
}

/** A part that was sent to continue a reply. */
export interface SentAgain extends ContinuedPart {
  isCut: boolean
}

/**
 * Finds the part that was sent to continue a reply, by the records of it.
 * @param content the text as it was before
 */
export function sentAgain(content: string, continuedTokens: number): SentAgain {
  const part = partOf(content, Math.max(0, continuedTokens - requestTokens))
  return { ...part, tokens: continuedTokens, isCut: part.text.length < content.length }
}
