import { Problem } from '../errors.ts'
import type { CompletionUsage } from '../llm/chat-model.ts'
import { utf8Bytes } from '../llm/utf8.ts'
import type { Usage } from '../protocol.ts'
import { promptTokens, type PromptPart, sentPrompt } from './prompt/parts.ts'
import { turnOverheadTokens } from './prompt/window.ts'
import type { Completion } from './read-completion.ts'
import type { TurnSettings } from './start-turn.ts'
import { countTokens } from './tokens/token-count.ts'
import type { Spent, TurnEnd, TurnTerms } from './turn-end.ts'
import type { StoredReply } from './turn.ts'

/**
 * How a turn ended, as it is to be stored: a pure function of what was sent and what came back.
 * @param content the whole text of the reply, with what it had before if the turn continues it
 */
export function turnEndOf(
  settings: TurnSettings,
  content: string,
  completion: Completion,
  continued?: StoredReply,
): Omit<TurnEnd, keyof TurnTerms> & { problem: Problem | undefined } {
  const { usage, sent } = completion
  const message = messageOf(sent)
  const tokens = { message: message.tokens, reply: countTokens(content) }
  const written = content.slice(continued?.reply.content.length ?? 0)
  const saidAll = continued !== undefined && completion.repeatedBytes > 0
  const problem = problemOf({ hasText: written !== '' || saidAll }, completion)
  return {
    ...endingOf(written, completion, problem, continued),
    content,
    problem,
    model: settings.model,
    usage: usage && toUsage(usage),
    cachedTokens: usage?.cachedTokens ?? null,
    spent: spentOf(
      completion,
      continued ? countTokens(written) : tokens.reply,
      settings.maxCompletionTokens,
    ),
    tokens,
    reportedReplyTokens: continued ? undefined : reportedReplyTokens(completion, content),
    messageBytes: utf8Bytes(message.content),
    sent: sentPrompt(sent),
    overheadTokens: turnOverheadTokens,
    countedBy: settings.countedBy,
  }
}

/** The user's message of a prompt. */
export function messageOf(prompt: readonly PromptPart[]): { tokens: number; content: string } {
  return prompt.find((part) => part.kind === 'message') ?? { tokens: 0, content: '' }
}

/**
 * Only a finish reason makes a reply complete: a stream that ends without one was cut off. A reply that was continued and
 * has no new text is what it was, unless the model repeated its end and had nothing to add: then it is whole.
 */
function endingOf(
  written: string,
  { finishReason }: Completion,
  problem: Problem | undefined,
  continued: StoredReply | undefined,
): Pick<TurnEnd, 'status' | 'finishReason' | 'errorCode'> {
  if (written === '' && continued !== undefined && problem !== undefined) {
    const { reply, errorCode } = continued
    const isComplete = reply.status === 'complete'
    const status = isComplete ? 'complete' : 'interrupted'
    return { status, finishReason: reply.finish_reason ?? null, errorCode }
  }
  const errorCode = problem?.code ?? null
  if (written === '' && continued === undefined)
    return { status: 'failed', finishReason: finishReason ?? null, errorCode }
  const status = finishReason === undefined ? 'interrupted' : 'complete'
  return { status, finishReason: finishReason ?? null, errorCode }
}

/** Undefined if the reply is complete. A fault after the finish reason took nothing from the text. */
function problemOf(
  { hasText }: { hasText: boolean },
  { finishReason, problem }: Completion,
): Problem | undefined {
  if (finishReason === undefined) return problem ?? new Problem('model_unavailable')
  return hasText ? undefined : new Problem('model_empty_reply')
}

/**
 * The provider's count of the text. Undefined if it counts what the text does not hold: thinking that it does not report
 * separately, or whatever else makes it exceed the bytes of the text.
 */
function reportedReplyTokens({ usage, thinkingBytes }: Completion, content: string) {
  if (usage === undefined || (thinkingBytes > 0 && usage.reasoningTokens === 0)) return undefined
  const tokens = usage.completionTokens - usage.reasoningTokens
  return tokens > 0 && tokens <= utf8Bytes(content) ? tokens : undefined
}

function toUsage({ promptTokens: prompt, completionTokens: completion }: CompletionUsage): Usage {
  return { prompt_tokens: prompt, completion_tokens: completion }
}

/** A provider's count may be up to 3.4 times o200k's. Far more is nonsense, which would use up everybody's day. */
const mostTimesOwnCount = 8

/**
 * The cost of a turn: the usage as reported, or else the most that prompt, thinking and reply so far can hold.
 * @param replyTokens of what the turn itself has written
 */
function spentOf(
  { usage, problem, sent, thinkingBytes, repeatedBytes }: Completion,
  replyTokens: number,
  maxCompletionTokens: number,
): Spent {
  const bound = promptTokens(sent)
  if (usage && usage.promptTokens > 0) {
    const prompt = Math.min(usage.promptTokens, mostTimesOwnCount * bound)
    return {
      prompt_tokens: prompt,
      completion_tokens: Math.min(usage.completionTokens, mostTimesOwnCount * maxCompletionTokens),
      cached_tokens: Math.min(usage.cachedTokens ?? 0, prompt),
    }
  }
  if (problem?.options.isUnspent)
    return { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0 }
  // No tokenizer makes more tokens of a text than it has bytes.
  const most = replyTokens + thinkingBytes + repeatedBytes
  const written = Math.min(most, Math.max(replyTokens, maxCompletionTokens))
  return { prompt_tokens: bound, completion_tokens: written, cached_tokens: 0 }
}
