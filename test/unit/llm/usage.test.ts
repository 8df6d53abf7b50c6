import { describe, expect, test } from 'vitest'
import { usageOf } from '../../../src/llm/usage.ts'

const counts = { prompt_tokens: 1_300, completion_tokens: 40, total_tokens: 1_340 }
const event = (members: object) => ({ choices: [], usage: { ...counts, ...members } })
const told = { promptTokens: 1_300, completionTokens: 40, reasoningTokens: 0 }

/** The usage of each provider, as its users report it. */
const providers: [provider: string, event: object][] = [
  [
    'OpenAI',
    event({
      prompt_tokens_details: { cached_tokens: 1_024, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0 },
    }),
  ],
  [
    'OpenAI, with what was written to the cache',
    event({ prompt_tokens_details: { cached_tokens: 1_024, cache_write_tokens: 128 } }),
  ],
  [
    'xAI',
    event({ prompt_tokens_details: { text_tokens: 1_300, image_tokens: 0, cached_tokens: 1_024 } }),
  ],
  ['Mistral', event({ num_cached_tokens: 1_024 })],
  ['Mistral, the other name', event({ prompt_token_details: { cached_tokens: 1_024 } })],
  ['DeepSeek', event({ prompt_cache_hit_tokens: 1_024, prompt_cache_miss_tokens: 276 })],
  ['Moonshot', event({ cached_tokens: 1_024 })],
  [
    'Moonshot, in the choice of the last event',
    {
      choices: [
        {
          index: 0,
          delta: {},
          finish_reason: 'stop',
          usage: { ...counts, cached_tokens: 1_024 },
        },
      ],
    },
  ],
  [
    'Groq, in a member of its own',
    {
      choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
      x_groq: {
        id: 'req_1',
        usage: { ...counts, prompt_tokens_details: { cached_tokens: 1_024 } },
      },
    },
  ],
  [
    "a gateway to Anthropic's models",
    event({ cache_read_input_tokens: 1_024, cache_creation_input_tokens: 0 }),
  ],
  [
    'a gateway that fills only one of two members',
    event({ prompt_tokens_details: { cached_tokens: 0 }, prompt_cache_hit_tokens: 1_024 }),
  ],
]

describe('the tokens that came from the cache of a provider', () => {
  test.each(providers)('are read as reported by %s', (_, json) => {
    expect(usageOf(json)).toEqual({ ...told, cachedTokens: 1_024 })
  })

  test('are none, which is not the same as not reported', () => {
    expect(usageOf(event({ prompt_tokens_details: { cached_tokens: 0 } }))).toEqual({
      ...told,
      cachedTokens: 0,
    })
    expect(usageOf(event({}))).toStrictEqual(told)
  })

  test('are at most the whole prompt', () => {
    for (const tokens of [1_300, 1_301, 500_000_000])
      expect(usageOf(event({ cached_tokens: tokens }))?.cachedTokens).toBe(1_300)
  })

  test.each([
    ['negative', -1],
    ['a fraction', 1.5],
    ['a text', '1024'],
    ['null', null],
    ['true', true],
    ['a list', [1_024]],
    ['more than a number can count exactly', 2 ** 53],
  ])('are not reported if the value is %s, and the rest counts', (_, value) => {
    for (const members of [
      { prompt_tokens_details: { cached_tokens: value } },
      { prompt_tokens_details: value },
      { cached_tokens: value },
    ])
      expect(usageOf(event(members))).toStrictEqual(told)
  })
})

test.each([
  {},
  { usage: null },
  { usage: 7, choices: null, x_groq: [] },
  { choices: [null] },
  { choices: [{ usage: { prompt_tokens: -1, completion_tokens: 1 } }] },
  { usage: { cached_tokens: 5 } },
])('there is no usage in %j', (json) => {
  expect(usageOf(json)).toBeUndefined()
})

test('the usage of the event itself comes before that of its choice', () => {
  const choice = { usage: { prompt_tokens: 1, completion_tokens: 1 } }
  expect(usageOf({ choices: [choice], usage: counts })).toEqual(told)
})
