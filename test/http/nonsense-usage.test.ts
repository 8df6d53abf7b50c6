import { afterAll, describe, expect, test } from 'vitest'
import {
  delta,
  done,
  event,
  finished,
  type ScriptedModel,
  startScriptedModel,
} from '../fakes/scripted-model.ts'
import { type Client, newVisitor } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { useRig } from '../rigs/start-rig.ts'
import { storedMessages } from '../rigs/stored-session.ts'

const db = testDatabase()
const maxCompletionTokens = 100
const text = 'Hi'
/** At most as many as its bytes. */
const textTokens = 1

let model: ScriptedModel
const { rig } = useRig(async () => {
  model = await startScriptedModel()
  return {
    OPENAI_BASE_URL: model.baseUrl,
    MAX_COMPLETION_TOKENS: String(maxCompletionTokens),
    DAILY_TOKENS_PER_USER: '1000000',
  }
})
afterAll(() => model.close())

/** A turn of a new visitor to which the provider reports this usage. @returns what the visitor's day counts for it */
async function takeTurn(usage: unknown) {
  const packets = [delta(text), finished(), event({ choices: [], usage }), done]
  model.script = () => ({ packets })
  const visitor = await newVisitor(rig.url)
  const { session_id } = await visitor.chat({ message: 'Hello' })
  return { used: await usedBy(visitor), sessionId: session_id }
}

async function usedBy(visitor: Client): Promise<number> {
  return (await visitor.expect(200, 'GET', '/v1/usage')).tokens_used
}

/** What the prompt of such a turn takes at most: all that counts if the model ends without a word. */
async function promptBound(): Promise<number> {
  model.script = () => ({ packets: [] })
  const visitor = await newVisitor(rig.url)
  await visitor.expect(502, 'POST', '/v1/chat', { message: 'Hello' })
  return usedBy(visitor)
}

const usageOf = (prompt: unknown, completion: unknown) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
})

describe('the day counts', () => {
  test('what the provider reports, if that can be', async () => {
    expect((await takeTurn(usageOf(30, 12))).used).toBe(42)
    expect((await takeTurn(usageOf(1, 0))).used).toBe(1)
  })

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['no object', 7],
    ['negative tokens', usageOf(-5, -5)],
    ['a negative prompt', usageOf(-5, 12)],
    ['a negative completion', usageOf(30, -12)],
    ['fractions', usageOf(30.5, 12)],
    ['text', usageOf('30', '12')],
    ['a prompt of no tokens', usageOf(0, 12)],
    ['more tokens than a number can count exactly', usageOf(2 ** 53, 2 ** 53)],
  ])('the bound of prompt and reply, if the provider reports %s', async (_, usage) => {
    expect((await takeTurn(usage)).used).toBe((await promptBound()) + textTokens)
  })

  test.each([1_000_000, 500_000_000])(
    'eight times what there may be at most, if the provider reports %i tokens',
    async (tokens) => {
      const most = 8 * ((await promptBound()) + maxCompletionTokens)
      expect((await takeTurn(usageOf(tokens, tokens))).used).toBe(most)
    },
  )
})

test.each([
  ['reasoning that the provider does not report apart', usageOf(30, 80)],
  ['nothing at all', usageOf(30, 0)],
  ['a part that is more than the whole', reasoning(9, 12)],
])('the reply keeps its own bound if its tokens count %s', async (_, usage) => {
  const { sessionId } = await takeTurn(usage)
  const [, reply] = await storedMessages(db, sessionId)
  expect(reply).toMatchObject({ content: text, token_count: textTokens })
})

test('the reply has the tokens that the provider reports, without its reasoning', async () => {
  const { sessionId } = await takeTurn(reasoning(12, 10))
  const [, reply] = await storedMessages(db, sessionId)
  expect(reply).toMatchObject({ content: text, token_count: 2 })
})

function reasoning(completion: number, reasoningTokens: number) {
  return {
    ...usageOf(30, completion),
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
  }
}
