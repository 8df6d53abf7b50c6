import { describe, expect, test } from 'vitest'
import { adviceForRefused } from '../../../src/llm/refused-field.ts'
import { readServerError } from '../../../src/llm/server-error.ts'

const sent = ['model', 'messages', 'stream', 'max_completion_tokens', 'stream_options']
const withKey = [...sent, 'prompt_cache_key']

function adviceOf(body: unknown, fields: readonly string[] = withKey) {
  return adviceForRefused(readServerError(body) ?? { message: '' }, fields)
}

const openai = (message: string, members: object = {}) => ({
  error: { message, type: 'invalid_request_error', param: null, code: null, ...members },
})

const keyOff = ': the server refuses prompt_cache_key, so set OPENAI_PROMPT_CACHE_KEY=false'

describe('a server that refuses prompt_cache_key', () => {
  test.each([
    ['NVIDIA', { message: 'Validation: Unsupported parameter(s): `prompt_cache_key`', code: 400 }],
    ['Azure Foundry', openai('Unrecognized request argument supplied: prompt_cache_key')],
    ['Groq', openai("property 'prompt_cache_key' is unsupported")],
    [
      'Cerebras',
      {
        message: "body.prompt_cache_key: property 'body.prompt_cache_key' is unsupported",
        type: 'invalid_request_error',
        param: 'validation_error',
        code: 'wrong_api_format',
      },
    ],
    [
      'Gemini',
      [
        {
          error: {
            code: 400,
            message:
              'Invalid JSON payload received. Unknown name "prompt_cache_key": Cannot find field.',
            status: 'INVALID_ARGUMENT',
          },
        },
      ],
    ],
    [
      'Anthropic',
      {
        type: 'error',
        error: {
          type: 'invalid_request_error',
          message: 'prompt_cache_key: Extra inputs are not permitted',
        },
      },
    ],
    [
      'Fireworks',
      openai("Extra inputs are not permitted, field: 'prompt_cache_key', value: 'abc'"),
    ],
    ['a server in Go', { error: 'json: unknown field "prompt_cache_key"' }],
    [
      'a server in Rust',
      { error: 'unknown field `prompt_cache_key`, expected one of `model`, `stream_options`' },
    ],
    ['OpenAI, for a model', openai('Unsupported parameter.', { param: 'prompt_cache_key' })],
    [
      'FastAPI',
      {
        detail: [
          {
            type: 'extra_forbidden',
            loc: ['body', 'prompt_cache_key'],
            msg: 'Extra inputs are not permitted',
            input: 'abc',
          },
        ],
      },
    ],
    [
      'a server that wants a schema',
      openai("Additional properties are not allowed: 'prompt_cache_key'"),
    ],
    ['xAI', openai('Argument not supported on this model: prompt_cache_key')],
    [
      'a server in Python',
      { error: "TypeError: create() got an unexpected keyword argument 'prompt_cache_key'" },
    ],
  ])('is understood: %s', (_, body) => {
    expect(adviceOf(body)).toBe(keyOff)
  })

  test('is none if the field was not sent', () => {
    expect(adviceOf(openai("property 'prompt_cache_key' is unsupported"), sent)).toBeUndefined()
  })
})

test.each([
  [
    'the name of the limit (OpenAI)',
    openai(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      { param: 'max_tokens', code: 'unsupported_parameter' },
    ),
    ['model', 'max_tokens'],
    'OPENAI_MAX_TOKENS_FIELD=max_completion_tokens',
  ],
  [
    'the name of the limit (Mistral)',
    {
      object: 'error',
      message: {
        detail: [
          {
            type: 'extra_forbidden',
            loc: ['body', 'max_completion_tokens'],
            msg: 'Extra inputs are not permitted',
            input: 1_024,
          },
        ],
      },
      type: 'invalid_request_error',
      param: null,
      code: null,
    },
    sent,
    'OPENAI_MAX_TOKENS_FIELD=max_tokens',
  ],
  [
    'usage in a stream',
    openai('Unrecognized request argument supplied: stream_options'),
    sent,
    'OPENAI_STREAM_USAGE=false',
  ],
  [
    'a member of the options',
    openai('Unknown parameter.', { param: 'stream_options.include_usage' }),
    sent,
    'OPENAI_STREAM_USAGE=false',
  ],
])('a server that refuses %s has its setting named', (_, body, fields, setting) => {
  expect(adviceOf(body, fields)).toMatch(new RegExp(`, so set ${setting}$`))
})

test.each([
  ['a value that is too large', openai('max_completion_tokens is too large: 262144.')],
  ['a field of no setting', openai('Unrecognized request argument supplied: stream')],
  ['an ordinary error', openai('The server had an error')],
  ['no message', {}],
  [
    'words far behind in a long message',
    openai(`bad request: ${'x'.repeat(3_000)} unknown field prompt_cache_key`),
  ],
])('there is no such advice for %s', (_, body) => {
  expect(adviceOf(body)).toBeUndefined()
})
