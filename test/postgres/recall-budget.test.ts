import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Problem } from '../../src/errors.ts'
import type { PromptMessage } from '../../src/llm/chat-model.ts'
import { completeTurn, type EndedTurn } from '../../src/turn/complete-turn.ts'
import type { PromptPart } from '../../src/turn/prompt/parts.ts'
import {
  historyTokens,
  newestTurns,
  overhead,
  recallTokens,
  turnOverheadTokens,
} from '../../src/turn/prompt/window.ts'
import { startTurn, type TurnSettings } from '../../src/turn/start-turn.ts'
import { countTokens } from '../../src/turn/tokens/token-count.ts'
import { createTurnProgress } from '../../src/turn/turn-progress.ts'
import type { TurnRequest } from '../../src/turn/turn.ts'
import { newUserId, testDatabase } from '../rigs/conversation.ts'
import { exactTokens } from '../rigs/exact-tokens.ts'

const db = testDatabase()

/** Texts that tokenizers take apart in unusual ways, and that might end a quotation. */
const hostile = fc
  .tuple(
    fc.constantFrom(
      '😀',
      '👩‍👩‍👧‍👦',
      '漢',
      '東京タワー',
      'ไทย',
      'ʕ•ᴥ•ʔ',
      'a\u0301\u0302\u0303',
      ' ',
      '\t',
      '\n',
      ' \n \u2028 \u0085\f\v\r\n',
      'x',
      'aB1',
      '9',
      '.',
      '\u{e0001}',
      '<|endoftext|>',
      '<|im_start|>system\n',
      "const f = ({ a }) => `${a}` // don't\n",
      '\n\nNow the visitor writes:\n\n',
      '\n> You: ',
      '   \r\n> [2026-01-01] Visitor: ',
    ),
    fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 12 }), fc.integer({ min: 20, max: 120 })),
  )
  .map(([text, times]) => text.repeat(times))
const words = fc.constantFrom(
  'camera',
  'Seattle',
  'invoice',
  'bicycle',
  'Straße',
  'café',
  '写真',
  'order 4711',
)
const text = fc
  .array(fc.oneof(words, words, hostile), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join(' '))
  .filter((joined) => joined.trim() !== '')

const settings = fc.record({
  tokenBudget: fc.integer({ min: 900, max: 6_000 }),
  maxCompletionTokens: fc.integer({ min: 1, max: 300 }),
  maxTurns: fc.constantFrom(0, 1, 2, 5, 20, 200, 200, 200),
  recall: fc.record({
    tokens: fc.constantFrom(0, 50, 1_000, 1_000, 5_000),
    scope: fc.constantFrom('session', 'user'),
  }),
})

const turn = fc.record({
  session: fc.constantFrom(0, 0, 0, 0, 1),
  message: text,
  contextText: fc.option(text, { freq: 6, nil: undefined }),
  reply: fc.array(text, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('\n')),
  end: fc.constantFrom('complete', 'complete', 'complete', 'complete', 'cut', 'failed'),
  tellsUsage: fc.constantFrom(true, true, true, false),
  settings: fc.nat(1),
})
type Turn = typeof turn extends fc.Arbitrary<infer Value> ? Value : never

/** Two sessions of one user, under settings that change in between. */
const conversation = fc.record({
  systemPrompt: text,
  settings: fc.tuple(settings, settings),
  turns: fc.array(turn, { minLength: 45, maxLength: 45 }),
})

/** How many turns there were, and how many of them were sent recalled turns, or fewer turns than fit. */
const counts = { turns: 0, recalling: 0, steadied: 0 }

test('no prompt of 2,000 turns passes the budget, whatever is said and recalled', async () => {
  await fc.assert(
    fc.asyncProperty(conversation, async ({ systemPrompt, turns, ...drawn }) => {
      const userId = newUserId()
      const sessionIds = [undefined, undefined] as (string | undefined)[]
      for (const each of turns) {
        const now: TurnSettings = {
          ...drawn.settings[each.settings]!,
          model: 'some-model',
          systemPrompt,
          systemTokens: countTokens(systemPrompt),
          countedBy: `some-model#${each.settings === 0 ? 'a' : 'b'}`,
          leaseMs: 15_000,
          sendsCacheKey: false,
          dailyCaps: {
            perUser: undefined,
            perAddress: undefined,
            perSite: undefined,
            addressKey: '',
          },
        }
        sessionIds[each.session] = await take(now, userId, sessionIds[each.session], each)
      }
    }),
    // A smaller example would take minutes to find.
    { numRuns: 50, endOnFailure: true },
  )
  // So that the turns put the budget to the test.
  expect(counts.turns).toBeGreaterThanOrEqual(2_000)
  expect(counts.recalling).toBeGreaterThan(200)
  expect(counts.steadied).toBeGreaterThan(100)
}, 300_000)

/** @returns the id of the session */
async function take(
  now: TurnSettings,
  userId: string,
  sessionId: string | undefined,
  { message, contextText, reply, end, tellsUsage }: Turn,
): Promise<string | undefined> {
  const sent: PromptMessage[][] = []
  async function* model(prompt: PromptMessage[]) {
    sent.push(prompt)
    if (end === 'failed') throw new Problem('model_unavailable')
    yield { text: reply }
    if (end === 'cut') throw new Problem('model_unavailable')
    const usage = {
      promptTokens: exactPrompt(prompt),
      completionTokens: exactTokens(reply).length,
      reasoningTokens: 0,
      cachedTokens: 0,
    }
    yield { finishReason: 'stop', ...(tellsUsage && { usage }) }
  }
  const deps = { db, model, settings: now }
  const request: TurnRequest = { message, contextText, sessionId }
  const options = { replyId: crypto.randomUUID(), waitUntil: (work: Promise<void>) => void work }
  const started = await startTurn(deps, { userId, address: undefined }, request, options).catch(
    (error: unknown) => {
      if (error instanceof Problem && error.code === 'message_too_long') return undefined
      throw error
    },
  )
  if (started === undefined) return sessionId
  if (!('run' in started.next)) throw new Error('the turn did not run')
  const { run } = started.next
  await expectFullWindow(now, started.sessionId, run.prompt)

  const progress = createTurnProgress<EndedTurn>()
  await completeTurn(deps, run, progress, { stop: new AbortController(), historyLimit: 0 })
  expect(sent).toHaveLength(1)
  expect(exactPrompt(sent[0]!) + now.maxCompletionTokens).toBeLessThanOrEqual(now.tokenBudget)
  counts.turns += 1
  return started.sessionId
}

function exactPrompt(messages: readonly PromptMessage[]): number {
  return messages.reduce<number>(
    (sum, { content }) => sum + exactTokens(content).length + overhead.messageTokens,
    overhead.replyTokens,
  )
}

/** At least half of what fits is sent, and all of the session if it fits. */
async function expectFullWindow(
  now: TurnSettings,
  sessionId: string,
  prompt: readonly PromptPart[],
): Promise<void> {
  const window = prompt.filter((part) => part.kind === 'turn')
  const recalled = prompt.find((part) => part.kind === 'recalled')
  const message = prompt.find((part) => part.kind === 'message')
  const room = historyTokens(now, message?.tokens ?? 0)
  const maxRecallTokens = recallTokens(now, room)
  const rows = await db.kysely
    .selectFrom('messages')
    .select(['turn_tokens', 'turn_tokens_bound', 'counted_by'])
    .where('session_id', '=', sessionId)
    .where('role', '=', 'assistant')
    .where('status', 'in', ['complete', 'interrupted'])
    .orderBy('seq')
    .execute()
  const turns = rows.map((row) => {
    const tokens = row.counted_by === now.countedBy ? row.turn_tokens : row.turn_tokens_bound
    return { tokens: (tokens ?? 0) + turnOverheadTokens }
  })
  const sum = (all: readonly { tokens: number }[]) =>
    all.reduce((total, { tokens }) => total + tokens, 0)
  const { maxTurns } = now
  const fitting = newestTurns(turns, { maxTurns, tokens: room - maxRecallTokens })
  expect(2 * sum(window)).toBeGreaterThanOrEqual(sum(fitting))
  expect(sum(window) + (recalled?.tokens ?? 0)).toBeLessThanOrEqual(room)
  expect(recalled?.tokens ?? 0).toBeLessThanOrEqual(maxRecallTokens)
  if (sum(turns) <= room && turns.length <= maxTurns && now.recall.scope === 'session')
    expect(window).toHaveLength(turns.length)
  if (recalled) counts.recalling += 1
  if (window.length < fitting.length) counts.steadied += 1
}
