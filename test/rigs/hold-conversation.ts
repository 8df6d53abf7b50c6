import { promptMessages, promptParts } from '../../src/turn/prompt/parts.ts'
import { historyTokens, newestTurns, turnOverheadTokens } from '../../src/turn/prompt/window.ts'
import { createPromptCache, type CountedPrompt, startCachingModel } from '../fakes/caching-model.ts'
import type { SpokenTurn } from '../generators/long-conversation.ts'
import { newVisitor } from './client.ts'
import { exactTokens } from './exact-tokens.ts'
import { startRig } from './start-rig.ts'

/** 252 tokens. */
export const systemPrompt = Array.from(
  { length: 21 },
  (_, rule) => `Rule ${rule}: be brief and kind to all visitors.`,
).join('\n')

/**
 * Holds a conversation as one session, through the Worker as it is deployed.
 * @param vars settings other than the defaults
 * @returns the prompts that the model was sent
 */
export async function holdConversation(
  conversation: readonly SpokenTurn[],
  vars: Record<string, string>,
): Promise<CountedPrompt[]> {
  const model = await startCachingModel((prompt) => conversation[prompt]?.reply ?? '')
  const rig = await startRig({
    OPENAI_BASE_URL: model.baseUrl,
    SYSTEM_PROMPT: systemPrompt,
    // The caps of a day are no part of a prompt, and this session is longer than a day's.
    DAILY_TOKENS_PER_USER: 'off',
    // On a loaded machine, a call that is repeated after a timeout would be counted.
    DATABASE_TIMEOUT_MS: '30000',
    ...vars,
  })
  try {
    const visitor = await newVisitor(rig.url)
    let sessionId: string | undefined
    for (const { message } of conversation)
      sessionId = (await visitor.chat({ message, session_id: sessionId })).session_id
    return model.prompts
  } finally {
    await rig.close()
    await model.close()
  }
}

/**
 * The prompts that commit 77e6131 sent: the newest turns that fit, at most 20, in the default budget. It knew the
 * provider's own counts, as the model reported its usage.
 */
export function promptsOfOldPolicy(conversation: readonly SpokenTurn[]): CountedPrompt[] {
  const cache = createPromptCache()
  const tokensOf = (text: string) => exactTokens(text).length
  const system = { content: systemPrompt, tokens: tokensOf(systemPrompt) }
  const turns = conversation.map(({ message, reply }, index) => ({
    seq: 2 * index + 1,
    replySeq: 2 * index + 2,
    message,
    contextText: null,
    reply,
    tokens: tokensOf(message) + tokensOf(reply) + turnOverheadTokens,
    exact: true,
  }))
  return turns.map((turn, index) => {
    const message = { seq: turn.seq, content: turn.message, tokens: tokensOf(turn.message) }
    const settings = { ...oldSettings, systemTokens: system.tokens }
    const tokens = historyTokens(settings, message.tokens)
    const window = newestTurns(turns.slice(0, index), { maxTurns: settings.maxTurns, tokens })
    const messages = promptMessages(promptParts({ system, window, message }))
    return { messages, ...cache.add(messages) }
  })
}

const oldSettings = { maxTurns: 20, tokenBudget: 8_000, maxCompletionTokens: 1_024 }

export interface PromptCost {
  promptTokensPerTurn: number
  cachedPercent: number
  /** In tokens at the full price, a turn. */
  cost: number
}

/** @param cachedPrice of a token from the cache, as a share of the full price: 0.25 for gpt-4.1-mini */
export function costOf(prompts: readonly CountedPrompt[], cachedPrice: number): PromptCost {
  const sum = (name: 'promptTokens' | 'cachedTokens') =>
    prompts.reduce((total, prompt) => total + prompt[name], 0)
  const [prompt, cached] = [sum('promptTokens'), sum('cachedTokens')]
  return {
    promptTokensPerTurn: prompt / prompts.length,
    cachedPercent: (100 * cached) / prompt,
    cost: (prompt - cached + cachedPrice * cached) / prompts.length,
  }
}
