import { test } from 'vitest'
import type { CountedPrompt } from '../fakes/caching-model.ts'
import { longConversation } from '../generators/long-conversation.ts'
import { costOf, holdConversation, promptsOfOldPolicy } from '../rigs/hold-conversation.ts'
import { report, round } from './report.ts'

const cachedPrices = [0.5, 0.25, 0.1]

test.each([300, 40])(
  'cost of the prompts of a session of %i turns',
  async (turns) => {
    const conversation = longConversation(turns, { seed: 1 })
    const old = promptsOfOldPolicy(conversation)
    const policies: [string, CountedPrompt[]][] = [
      ['commit 77e6131', old],
      ['recall off', await holdConversation(conversation, { RECALL_TOKENS: '0' })],
      ['recall on', await holdConversation(conversation, {})],
    ]
    const rows = policies.map(([policy, prompts]) => {
      const { promptTokensPerTurn, cachedPercent } = costOf(prompts, 1)
      const recalling = prompts.filter(isRecalling).length
      const shares = cachedPrices.map((price) => [
        `cost at ${price}, ÷ 77e6131`,
        round(costOf(prompts, price).cost / costOf(old, price).cost),
      ])
      return {
        policy,
        'prompt tokens a turn': round(promptTokensPerTurn, 0),
        'turns with recall, %': round((100 * recalling) / turns, 0),
        'from the cache, %': round(cachedPercent, 1),
        'cost at 0.25, tokens a turn': round(costOf(prompts, 0.25).cost, 0),
        ...(Object.fromEntries(shares) as Record<string, number>),
      }
    })
    await report(
      `Prompts of a session of ${turns} turns, CONTEXT_ and RECALL_ settings at their defaults`,
      rows,
    )
  },
  600_000,
)

function isRecalling({ messages }: CountedPrompt): boolean {
  return messages.at(-1)?.content.includes('\n\nNow the visitor writes:\n\n') ?? false
}
