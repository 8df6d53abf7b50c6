import { expect, test } from 'vitest'
import { type SpokenTurn, longConversation } from '../generators/long-conversation.ts'
import { costOf, holdConversation, promptsOfOldPolicy } from '../rigs/hold-conversation.ts'

const conversation: SpokenTurn[] = longConversation(300, { seed: 1 })
/** That of gpt-4.1-mini: 0.10 of 0.40 dollars. */
const cachedPrice = 0.25
const costOfOldPolicy = costOf(promptsOfOldPolicy(conversation), cachedPrice)

test.each([
  { recall: 'off', vars: { RECALL_TOKENS: '0' }, cachedPercent: 80 },
  { recall: 'on', vars: {}, cachedPercent: 70 },
])(
  'a provider caches most of the prompts of a long session, recall $recall',
  async ({ recall, vars, cachedPercent }) => {
    const prompts = await holdConversation(conversation, vars)
    expect(prompts).toHaveLength(conversation.length)
    const recalling = prompts.filter(({ messages }) =>
      messages.at(-1)?.content.includes('\n\nNow the visitor writes:\n\n'),
    )
    if (recall === 'on') expect(recalling.length).toBeGreaterThan(conversation.length / 2)
    else expect(recalling).toEqual([])

    const cost = costOf(prompts, cachedPrice)
    expect(cost.cachedPercent).toBeGreaterThanOrEqual(cachedPercent)
    expect(cost.cost / costOfOldPolicy.cost).toBeLessThanOrEqual(0.45)
  },
  180_000,
)
