import { describe, expect, test } from 'vitest'
import { Problem } from '../../../src/errors.ts'
import { turnEndOf } from '../../../src/turn/ended-turn.ts'
import { promptParts, promptTokens } from '../../../src/turn/prompt/parts.ts'
import type { Completion } from '../../../src/turn/read-completion.ts'
import type { TurnSettings } from '../../../src/turn/start-turn.ts'
import { countTokens } from '../../../src/turn/tokens/token-count.ts'
import type { StoredReply } from '../../../src/turn/turn.ts'

const settings: TurnSettings = {
  model: 'm',
  systemPrompt: 'Be brief.',
  countedBy: 'm#1',
  leaseMs: 15_000,
  maxTurns: 20,
  tokenBudget: 8_000,
  maxCompletionTokens: 1_000,
  systemTokens: 3,
  recall: { tokens: 0, scope: 'session' },
  dailyCaps: { perUser: undefined, perAddress: undefined, perSite: undefined, addressKey: '' },
  sendsCacheKey: false,
}
const sent = promptParts({
  system: { content: 'Be brief.', tokens: 3 },
  window: [],
  message: { seq: 1, content: 'Hello', tokens: 2 },
})
const bound = promptTokens(sent)

function ended(content: string, completion: Partial<Omit<Completion, 'sent'>>) {
  return turnEndOf(settings, content, { thinkingBytes: 0, repeatedBytes: 0, ...completion, sent })
}

function usage(prompt: number, completionTokens: number, reasoningTokens = 0) {
  return { promptTokens: prompt, completionTokens, reasoningTokens }
}

const cached = (prompt: number, cachedTokens: number) => ({ ...usage(prompt, 5), cachedTokens })
const nothing = { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0 }

describe('a reply', () => {
  test('is complete only with a finish reason and text', () => {
    const problem = new Problem('model_unavailable')
    expect(ended('Hi', { finishReason: 'stop' })).toMatchObject({
      status: 'complete',
      errorCode: null,
    })
    expect(ended('Hi', {})).toMatchObject({
      status: 'interrupted',
      errorCode: 'model_unavailable',
    })
    expect(ended('', { problem })).toMatchObject({
      status: 'failed',
      errorCode: 'model_unavailable',
    })
    expect(ended('', { finishReason: 'stop' })).toMatchObject({
      status: 'failed',
      errorCode: 'model_empty_reply',
    })
  })

  test('takes nothing from a fault after its finish reason', () => {
    const problem = new Problem('model_timeout')
    expect(ended('Hi', { finishReason: 'stop', problem })).toMatchObject({ status: 'complete' })
  })

  test("has the provider's count without its reasoning", () => {
    const end = ended('Hello there', { finishReason: 'stop', usage: usage(20, 53, 50) })
    expect(end.reportedReplyTokens).toBe(3)
  })

  test('has no reported count if that includes reasoning that is not reported: more tokens than bytes', () => {
    const bytes = 'é!'.length + 1
    const count = (tokens: number) =>
      ended('é!', { finishReason: 'stop', usage: usage(20, tokens) }).reportedReplyTokens
    expect(count(bytes)).toBe(bytes)
    expect(count(bytes + 1)).toBeUndefined()
    expect(count(0)).toBeUndefined()
  })
})

test('the tokens of a reply do not count thinking, whether it is reported or not', () => {
  const end = (reasoningTokens: number) =>
    ended('Hello there', {
      finishReason: 'stop',
      thinkingBytes: 9,
      usage: usage(20, 5, reasoningTokens),
    })
  expect(end(3).reportedReplyTokens).toBe(2)
  expect(end(0).reportedReplyTokens).toBeUndefined()
  expect(end(0).tokens.reply).toBe(ended('Hello there', { finishReason: 'stop' }).tokens.reply)
})

test('a reply has the tokens that the cache held as reported, and null if they were not reported', () => {
  const end = (reported: Partial<Completion>) => ended('Hi', { finishReason: 'stop', ...reported })
  expect(end({ usage: cached(20, 16) }).cachedTokens).toBe(16)
  expect(end({ usage: cached(20, 0) }).cachedTokens).toBe(0)
  expect(end({ usage: usage(20, 5) }).cachedTokens).toBeNull()
  expect(end({}).cachedTokens).toBeNull()
  expect(end({ usage: cached(20, 16) }).usage).toEqual({ prompt_tokens: 20, completion_tokens: 5 })
})

describe('what a turn cost', () => {
  test('is the usage as reported', () => {
    const { spent } = ended('Hi', { finishReason: 'stop', usage: usage(20, 5) })
    expect(spent).toEqual({ prompt_tokens: 20, completion_tokens: 5, cached_tokens: 0 })
  })

  test('is bounded if the usage is nonsense', () => {
    const { spent } = ended('Hi', { finishReason: 'stop', usage: usage(1_000_000, 1_000_000) })
    expect(spent).toEqual({
      prompt_tokens: 8 * bound,
      completion_tokens: 8 * 1_000,
      cached_tokens: 0,
    })
  })

  test('is a bound if no usage is reported, or one without a prompt', () => {
    for (const unknown of [{}, { usage: usage(0, 5) }, { usage: cached(0, 0) }]) {
      const { spent, tokens } = ended('Hi', { finishReason: 'stop', ...unknown })
      expect(spent).toEqual({
        prompt_tokens: bound,
        completion_tokens: tokens.reply,
        cached_tokens: 0,
      })
    }
  })

  test('includes the thinking, up to what was debited for the reply, if no usage is reported', () => {
    const cost = (thinkingBytes: number) =>
      ended('Hi', { finishReason: 'stop', thinkingBytes }).spent
    expect(cost(70).completion_tokens).toBe(71)
    expect(cost(5_000).completion_tokens).toBe(1_000)
  })

  test('is nothing if the provider refused', () => {
    const problem = new Problem('model_rate_limited', { isUnspent: true })
    expect(ended('', { problem }).spent).toEqual(nothing)
  })

  test('tells what of its prompt the cache held, never more than the prompt that counts', () => {
    const cost = (prompt: number, cachedTokens: number) =>
      ended('Hi', { finishReason: 'stop', usage: cached(prompt, cachedTokens) }).spent.cached_tokens
    expect(cost(20, 0)).toBe(0)
    expect(cost(20, 16)).toBe(16)
    expect(cost(1_000_000, 900_000)).toBe(8 * bound)
  })
})

describe('a turn that continues a reply', () => {
  const stored = (status: 'complete' | 'interrupted', errorCode: string | null) =>
    ({
      reply: {
        content: 'So far',
        status,
        ...(status === 'complete' && { finish_reason: 'length' }),
      },
      errorCode,
    }) as StoredReply
  const whole = { thinkingBytes: 0, repeatedBytes: 0, sent }

  test.each([
    [stored('complete', null), 'complete', 'length', null],
    [stored('interrupted', 'stopped'), 'interrupted', null, 'stopped'],
  ])(
    'and adds nothing leaves it as it was, and has failed',
    (before, status, finishReason, errorCode) => {
      for (const completion of [
        { finishReason: 'stop' },
        { problem: new Problem('model_timeout') },
        {},
      ]) {
        const end = turnEndOf(settings, 'So far', { ...whole, ...completion }, before)
        expect(end).toMatchObject({ status, finishReason, errorCode, content: 'So far' })
        expect(end.problem).toBeInstanceOf(Problem)
      }
    },
  )

  test('is whole if the model repeated its end and had nothing to add', () => {
    const before = stored('interrupted', 'stopped')
    const repeated = { ...whole, repeatedBytes: 6, finishReason: 'stop' }
    const end = turnEndOf(settings, 'So far', repeated, before)
    expect(end).toMatchObject({ status: 'complete', finishReason: 'stop', errorCode: null })
    expect(end.problem).toBeUndefined()
    const cut = turnEndOf(settings, 'So far', { ...whole, repeatedBytes: 6 }, before)
    expect(cut).toMatchObject({ status: 'interrupted', errorCode: 'stopped' })
  })

  test('counts all of the text, pays for what it wrote itself, and tells no exact count', () => {
    const before = stored('interrupted', 'stopped')
    const end = turnEndOf(settings, 'So far so good', { ...whole, finishReason: 'stop' }, before)
    expect(end).toMatchObject({
      status: 'complete',
      tokens: { reply: countTokens('So far so good') },
      spent: { prompt_tokens: bound, completion_tokens: countTokens(' so good') },
    })
    const told = { ...whole, finishReason: 'stop', usage: usage(40, 3) }
    expect(turnEndOf(settings, 'So far so good', told, before)).toMatchObject({
      reportedReplyTokens: undefined,
      spent: { prompt_tokens: 40, completion_tokens: 3 },
    })
    const repeated = { ...whole, repeatedBytes: 7 }
    expect(turnEndOf(settings, 'So far so', repeated, before).spent.completion_tokens).toBe(
      countTokens(' so') + 7,
    )
  })
})
