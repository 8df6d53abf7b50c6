import { describe, expect, test } from 'vitest'
import { isContextExceeded, isRateLimited } from '../../../src/llm/context-exceeded.ts'
import { readServerError } from '../../../src/llm/server-error.ts'

type Body = Record<string, unknown> | unknown[]

/** The answer of a server: undefined as a status is a stream that began with 200. */
function kindOf(status: number | undefined, body: Body): string {
  const error = readServerError(body)
  if (error === undefined) return 'no error'
  if (isRateLimited(status ?? error.status, error)) return 'rate limit'
  return isContextExceeded(status ?? error.status, error) ? 'too long' : 'other'
}

const openai = (message: string, code: unknown = null) => ({
  error: { message, type: 'invalid_request_error', param: 'messages', code },
})
const vllm = (message: string) => ({
  object: 'error',
  message,
  type: 'BadRequestError',
  param: null,
  code: 400,
})

/** A message of each provider, as its users report it. */
const tooLong: [provider: string, status: number | undefined, Body][] = [
  [
    'OpenAI',
    400,
    openai(
      "This model's maximum context length is 8192 tokens. However, your messages resulted in 8545 tokens. Please reduce the length of the messages.",
      'context_length_exceeded',
    ),
  ],
  ['OpenAI, code alone', 400, openai('', 'context_length_exceeded')],
  ['OpenAI, newer', 400, openai('Your input exceeds the context window of this model.')],
  ['OpenAI, limit', 400, openai('Input tokens exceed the configured limit of 272000 tokens.')],
  [
    'DeepSeek',
    400,
    openai(
      "This model's maximum context length is 65536 tokens. However, you requested 126674 tokens (118674 in the messages, 8000 in the completion).",
      'invalid_request_error',
    ),
  ],
  [
    'vLLM',
    400,
    vllm(
      "This model's maximum context length is 16384 tokens. However, you requested 19591 tokens (9591 in the messages, 10000 in the completion).",
    ),
  ],
  [
    'vLLM, newer',
    400,
    {
      error: vllm(
        "This model's maximum context length is 131072 tokens. However, you requested 16000 output tokens and your prompt contains at least 115073 input tokens.",
      ),
    },
  ],
  [
    'vLLM, of both',
    400,
    vllm(
      "'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum context length is 4096 tokens and your request has 3500 input tokens (1024 > 4096 - 3500).",
    ),
  ],
  [
    'vLLM, total',
    400,
    vllm(
      'The prompt (total length 9000) is too long to fit into the model (context length 8192). Make sure that `max_model_len` is no smaller than the number of text tokens.',
    ),
  ],
  [
    'Gemini, without a count',
    400,
    [
      {
        error: {
          code: 400,
          message: 'The input token count exceeds the maximum number of tokens allowed 1048576.',
          status: 'INVALID_ARGUMENT',
        },
      },
    ],
  ],
  [
    'Vertex AI',
    400,
    openai(
      'Unable to submit request because the input token count is 40000 but model only supports up to 32768. Reduce the input token count and try again.',
    ),
  ],
  [
    'Cohere, size',
    400,
    openai(
      'too many tokens: size limit exceeded by 11326 tokens. Try using shorter or fewer inputs. The limit for this model is 128000 tokens.',
    ),
  ],
  [
    'llama.cpp, while it writes',
    500,
    { error: { code: 500, message: 'context shift is disabled', type: 'server_error' } },
  ],
  [
    'LiteLLM, in its text',
    400,
    { error: { message: 'litellm.ContextWindowExceededError: x', type: null, code: '400' } },
  ],
  [
    'vLLM, prompt',
    400,
    vllm('The decoder prompt (length 5000) is longer than the maximum model length of 4096.'),
  ],
  [
    'SGLang',
    400,
    vllm("The input (210000 tokens) is longer than the model's context length (200000 tokens)."),
  ],
  [
    'llama.cpp',
    400,
    {
      error: {
        code: 400,
        message:
          'the request exceeds the available context size. try increasing the context size or enable context shift',
        type: 'exceed_context_size_error',
        n_prompt_tokens: 9000,
        n_ctx: 4096,
      },
    },
  ],
  [
    'llama.cpp, type alone',
    500,
    { error: { code: 500, message: '', type: 'exceed_context_size_error' } },
  ],
  ['llama.cpp, older', 500, { error: { code: 500, message: 'Context size has been exceeded.' } }],
  [
    'Ollama',
    400,
    { error: { message: 'prompt too long; exceeded max context length by 4 tokens' } },
  ],
  ['Ollama, embedded', 500, { error: 'the input length exceeds the context length' }],
  [
    'LM Studio',
    400,
    {
      error:
        'Trying to keep the first 111490 tokens when context the overflows. However, the model is loaded with context length of only 32768 tokens, which is not enough.',
    },
  ],
  [
    'LM Studio, older',
    400,
    {
      error:
        'The number of tokens to keep from the initial prompt (9800) is greater than the context length (8192).',
    },
  ],
  [
    'OpenRouter',
    400,
    {
      error: {
        message:
          'This endpoint\'s maximum context length is 32768 tokens. However, you requested about 42832 tokens (42832 of text input). Please reduce the length of either one, or use the "middle-out" transform.',
        code: 400,
        metadata: { provider_name: null },
      },
    },
  ],
  [
    'OpenRouter, raw',
    400,
    {
      error: {
        message: 'Provider returned error',
        code: 400,
        metadata: {
          raw: '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 213462 tokens > 200000 maximum"}}',
        },
      },
    },
  ],
  ['Groq', 400, openai('Please reduce the length of the messages or completion.')],
  ['Cerebras, without a body', 413, openai('')],
  [
    'Mistral',
    400,
    {
      object: 'error',
      message:
        'Prompt contains 65673 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
      type: 'invalid_request_prompt',
      code: '3051',
    },
  ],
  [
    'Gemini',
    400,
    [
      {
        error: {
          code: 400,
          message:
            'The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).',
          status: 'INVALID_ARGUMENT',
        },
      },
    ],
  ],
  [
    'Anthropic',
    400,
    {
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message: 'prompt is too long: 213462 tokens > 200000 maximum',
      },
    },
  ],
  [
    'Anthropic, of both',
    400,
    {
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message:
          'input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000, decrease input length or `max_tokens` and try again',
      },
    },
  ],
  ['Anthropic, bytes', 413, { type: 'error', error: { type: 'request_too_large', message: '' } }],
  [
    'Bedrock',
    400,
    { message: 'Input is too long for requested model.', type: 'ValidationException' },
  ],
  [
    'Cohere',
    400,
    {
      message:
        'too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 8202.',
      code: 400,
    },
  ],
  [
    'xAI',
    400,
    {
      code: 'Client specified an invalid argument',
      error: "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    },
  ],
  [
    'Moonshot',
    400,
    openai('Invalid request: Your request exceeded model token limit: 8192 (requested: 9000)'),
  ],
  ['Moonshot, input', 400, openai('Input token length too long')],
  [
    'DashScope',
    400,
    openai(
      '<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]',
    ),
  ],
  ['Zhipu', 400, { error: { code: '1261', message: 'Prompt exceeds max length' } }],
  ['Zhipu, in Chinese', 400, { error: { code: '1261', message: 'Prompt 超长' } }],
  [
    'MiniMax',
    undefined,
    {
      base_resp: { status_code: 2013, status_msg: 'invalid params, context window exceeds limit' },
    },
  ],
  [
    'Together',
    422,
    openai(
      'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens and 512 `max_new_tokens`',
    ),
  ],
  [
    'text-generation-inference',
    422,
    {
      error: 'Input validation error: `inputs` must have less than 1024 tokens. Given: 5000',
      error_type: 'validation',
    },
  ],
  [
    'Fireworks',
    400,
    { error: { message: 'The prompt is too long: 150000, model maximum context length: 131071' } },
  ],
  [
    'Workers AI',
    400,
    {
      success: false,
      errors: [
        {
          code: 5021,
          message:
            'AiError: The estimated number of input and maximum output tokens (9000) exceeded this model context window limit (7968).',
        },
      ],
    },
  ],
  [
    'Workers AI, newer',
    400,
    openai(
      "Requested token count exceeds the model's maximum context length of 256000 tokens. You requested a total of 256878 tokens.",
    ),
  ],
  [
    'GitHub Copilot',
    400,
    openai(
      'prompt token count of 140000 exceeds the limit of 128000',
      'model_max_prompt_tokens_exceeded',
    ),
  ],
  [
    'GitHub Models',
    413,
    openai(
      'Request body too large for gpt-4o model. Max size: 8000 tokens.',
      'tokens_limit_reached',
    ),
  ],
  ['TabbyAPI', 422, { detail: 'Prompt length 9000 is greater than max_seq_len 8192' }],
  [
    'LiteLLM',
    400,
    openai('litellm.ContextWindowExceededError: too long', 'ContextWindowExceededError'),
  ],
  [
    'a gateway, by status alone',
    413,
    { error: { message: '<h1>413 Request Entity Too Large</h1>' } },
  ],
  ['in a stream', undefined, openai('Prompt is too long')],
]

const rateLimits: [what: string, status: number | undefined, Body][] = [
  [
    'tokens per minute, with 413',
    413,
    {
      error: {
        message:
          'Request too large for model `llama-3.3-70b-versatile` in organization `org_01` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Requested 14810, please reduce your message size and try again.',
        type: 'tokens',
        code: 'rate_limit_exceeded',
      },
    },
  ],
  [
    'tokens per minute, with 429',
    429,
    openai(
      'Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 342389. The input or output tokens must be reduced in order to run successfully.',
    ),
  ],
  ['tokens of a day', 400, openai('request reached organization TPD rate limit, current: 1506556')],
  ['a quota', 429, openai('You exceeded your current quota', 'insufficient_quota')],
  [
    'of Gemini',
    429,
    [
      {
        error: { code: 429, message: 'Resource has been exhausted', status: 'RESOURCE_EXHAUSTED' },
      },
    ],
  ],
  ['in a stream', undefined, { error: { code: 429, message: 'Too many tokens, slow down' } }],
]

const others: [what: string, status: number | undefined, Body][] = [
  ['an ordinary 400', 400, openai("Invalid value for 'temperature'.", 'invalid_value')],
  ['an unknown model', 404, openai('The model `x` does not exist', 'model_not_found')],
  ['a wrong key', 401, openai('Incorrect API key provided', 'invalid_api_key')],
  ['a crash', 500, openai('The server had an error while processing your request')],
  ['an overloaded server', 503, openai('The context of this request is not available right now')],
  [
    'max_tokens alone (Workers AI)',
    400,
    openai(
      'max_completion_tokens is too large: 262144. This model supports at most 256000 completion tokens.',
    ),
  ],
  [
    'max_tokens alone (vLLM)',
    400,
    vllm(
      "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096 tokens and your request has 12 input tokens (5000 > 4096 - 12).",
    ),
  ],
  [
    'max_tokens alone (Groq)',
    400,
    openai(
      '`max_tokens` must be less than or equal to `16384`, the maximum value for `max_tokens` is less than the `context_window` for this model',
    ),
  ],
  ['max_tokens alone (DashScope)', 400, openai('Range of max_tokens should be [1, 8192]')],
  [
    'max_tokens alone (Anthropic)',
    400,
    {
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message:
          'max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for claude',
      },
    },
  ],
  [
    'a visitor who writes these words, which a server repeats',
    422,
    { detail: [{ msg: 'field required', input: 'prompt is too long' }] },
  ],
  [
    'words far behind in a long message',
    400,
    openai(`bad request: ${'x'.repeat(3_000)} prompt is too long`),
  ],
]

describe('a prompt is too long', () => {
  test.each(tooLong)('in the words of %s', (_, status, body) => {
    expect(kindOf(status, body)).toBe('too long')
  })
})

describe('a prompt is not too long for', () => {
  test.each(rateLimits)('a limit on rates: %s', (_, status, body) => {
    expect(kindOf(status, body)).toBe('rate limit')
  })
  test.each(others)('%s', (_, status, body) => {
    expect(kindOf(status, body)).toBe('other')
  })
})
