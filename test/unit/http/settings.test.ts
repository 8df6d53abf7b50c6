import { beforeEach, describe, expect, test, vi } from 'vitest'
import { createApp } from '../../../src/app.ts'
import { createDeps } from '../../../src/deps.ts'
import { Env, parseEnv } from '../../../src/env.ts'
import { type ProblemJson, problemOf } from '../../rigs/problem.ts'

const right = {
  AUTH_AUDIENCE: 'chat',
  DATABASE_URL: 'postgresql://user:swordfish@ep-a.eu.aws.neon.tech/neondb?sslmode=require',
  OPENAI_API_KEY: 'sk-canary',
}

const log = vi.spyOn(console, 'log')
beforeEach(() => {
  log.mockReset().mockImplementation(() => {})
})

/** What the first request to a Worker with these settings is answered. */
async function firstAnswer(settings: Record<string, unknown>, path: string): Promise<ProblemJson> {
  const response = await createApp(createDeps).request(path, { method: 'POST' }, settings)
  return problemOf(response)
}

describe('a setting that is missing or wrong', () => {
  const noWholeNumber = ['canary', '-1', '1.5', '1e3', '0x10', '9'.repeat(20)]
  const wrong: Record<string, (string | undefined)[]> = {
    DATABASE_URL: [
      undefined,
      '',
      ' ',
      'canary',
      'https://user:canary@host/db',
      'postgres://host/canary',
      'postgres://user:canary@host',
      'postgres://user:canary@host name/db',
      'postgres://user@host/canary',
    ],
    NEON_HTTP_ENDPOINT: [
      'canary',
      'http://canary.example/sql',
      'https://127.0.0.1/sql?canary',
      'http://127.0.0.1.canary.example/sql',
      'http://localhost@canary.example/sql',
      'http://0.0.0.0/canary',
      'http://10.0.0.1/canary',
    ],
    OPENAI_BASE_URL: ['canary', 'ftp://canary.example', 'javascript:canary'],
    OPENAI_MAX_TOKENS_FIELD: ['canary'],
    OPENAI_STREAM_USAGE: ['canary', '1', 'TRUE'],
    OPENAI_PROMPT_CACHE_KEY: ['canary', '1', 'TRUE'],
    DATABASE_TIMEOUT_MS: ['99', '30001', ...noWholeNumber],
    CONTEXT_MAX_TURNS: ['201', ...noWholeNumber],
    RECALL_TOKENS: ['100001', ...noWholeNumber],
    RECALL_SCOPE: ['canary', 'off', 'Session', 'session user'],
    CONTEXT_TOKEN_BUDGET: ['99', '10000001', ...noWholeNumber],
    MAX_COMPLETION_TOKENS: ['0', '1000001', ...noWholeNumber],
    MODEL_FIRST_TOKEN_TIMEOUT_MS: ['9', '300001', ...noWholeNumber],
    MODEL_IDLE_TIMEOUT_MS: ['9', '300001', ...noWholeNumber],
    MODEL_TIMEOUT_MS: ['9', '128001', '600001', ...noWholeNumber],
    TURN_LEASE_MS: ['6999', '120001', ...noWholeNumber],
    AUTH_JWT_SECRET: ['canary', 'canary'.padEnd(31, 'x')],
    AUTH_JWKS_URL: [
      'canary',
      'http://canary.example/jwks.json',
      'http://127.0.0.1.canary.example/jwks.json',
      'ftp://canary.example/jwks.json',
      'data:application/json,canary',
    ],
    ADMIN_TOKEN: [
      'canary',
      'canary'.padEnd(31, 'x'),
      `canary ${'x'.repeat(40)}`,
      'cañary'.padEnd(40),
    ],
    RETENTION_DAYS: ['0', '100000', ...noWholeNumber],
    // The last value is less than one turn may cost.
    DAILY_TOKENS_PER_USER: ['0', 'none', ...noWholeNumber, '7999'],
    DAILY_TOKENS_PER_ADDRESS: ['0', 'none', ...noWholeNumber, '7999'],
    DAILY_TOKENS_PER_SITE: ['0', 'none', ...noWholeNumber, '7999'],
    ALLOW_NO_ORIGIN: ['canary', '1', 'TRUE'],
    ALLOWED_ORIGINS: [
      '*',
      'canary.example',
      'ftp://canary.example',
      'https://',
      'https://*',
      'https://*.canary',
      'https://www.*.canary.example',
      'https://*canary.example',
      'https://user@canary.example',
      'https://canary.example:99999',
      'https://canary.example:8*',
      'https://canary.example:80:*',
      'https://canary.example?',
      'https://www.example.com, null',
    ],
  }

  test.each(Object.entries(wrong))('is named, without its value: %s', async (name, values) => {
    for (const value of values) {
      const problem = await firstAnswer({ ...right, [name]: value }, '/v1/chat')
      expect(problem, String(value)).toMatchObject({
        code: 'misconfigured',
        status: 500,
        settings: [{ name, message: expect.stringMatching(/./) }],
      })
      expect(problem['detail']).toMatch(new RegExp(`^${name} `))
      expect(JSON.stringify(problem)).not.toMatch(/canary|swordfish/)
    }
    expect(JSON.stringify(log.mock.calls)).not.toMatch(/canary|swordfish/)
  })

  test('is named together with all others', async () => {
    const settings = { MODEL_TIMEOUT_MS: 'x', TURN_LEASE_MS: 'y' }
    const problem = await firstAnswer(settings, '/health/ready')
    const names = (problem['settings'] as { name: string }[]).map(({ name }) => name)
    expect(names.toSorted()).toEqual([
      'DATABASE_URL',
      'MODEL_TIMEOUT_MS',
      'OPENAI_API_KEY',
      'TURN_LEASE_MS',
    ])
    expect(problem['detail']).toContain('DATABASE_URL is missing')
    expect(problem['detail']).toContain('OPENAI_API_KEY or OPENAI_BASE_URL must be set')
  })

  test.each([
    ['OPENAI_MAX_TOKENS_FIELD', 'must be max_completion_tokens or max_tokens'],
    ['OPENAI_STREAM_USAGE', 'must be true or false'],
    ['OPENAI_PROMPT_CACHE_KEY', 'must be true or false'],
    ['ALLOW_NO_ORIGIN', 'must be true or false'],
    ['RECALL_SCOPE', 'must be session or user'],
  ])('is told the words that it may be: %s', async (name, message) => {
    const { detail } = await firstAnswer({ ...right, [name]: 'users' }, '/v1/chat')
    expect(detail).toBe(`${name} ${message}`)
  })

  test.each([
    ['texts of more than one word', 'x\ny {}'],
    ['a table of wrangler.toml', { canary: true }],
  ])('has a message of its own, not the parser’s: %s', async (_, value) => {
    const anyText = ['SYSTEM_PROMPT']
    const names = Object.keys(Env.shape)
    const settings = Object.fromEntries(names.map((name) => [name, value]))
    const problem = await firstAnswer(settings, '/v1/chat')
    const faults = problem['settings'] as { name: string; message: string }[]
    expect(faults.map(({ name }) => name)).toEqual(
      names.filter((name) => typeof value === 'object' || !anyText.includes(name)),
    )
    for (const { name, message } of faults) expect(message, name).toMatch(/\bmust\b/)
  })

  test('is named by its place in the list if it is an origin with a path', async () => {
    for (const entry of ['https://www.example.com/', 'https://*.example.com/chat']) {
      const settings = { ...right, ALLOWED_ORIGINS: `https://example.com, ${entry}` }
      const { detail } = await firstAnswer(settings, '/v1/chat')
      const wanted = 'must be an origin without a path or a slash at its end'
      expect(detail).toContain(`ALLOWED_ORIGINS entry 2 ${wanted}`)
    }
  })

  test('leaves the Worker alive', async () => {
    const response = await createApp(createDeps).request('/health/live', {}, {})
    expect(response.status).toBe(200)
  })
})

describe('settings that do not fit together', () => {
  test.each([
    ['CONTEXT_TOKEN_BUDGET', { CONTEXT_TOKEN_BUDGET: '1000', MAX_COMPLETION_TOKENS: '1000' }],
    [
      'CONTEXT_TOKEN_BUDGET',
      { CONTEXT_TOKEN_BUDGET: '2000', SYSTEM_PROMPT: 'Be kind. '.repeat(2_000) },
    ],
    ['TURN_LEASE_MS', { TURN_LEASE_MS: '7000', MODEL_TIMEOUT_MS: '120000' }],
    [
      'AUTH_AUDIENCE',
      { AUTH_JWKS_URL: 'https://login.example.com/jwks.json', AUTH_AUDIENCE: '', AUTH_ISSUER: ' ' },
    ],
  ])('are refused by the name of one: %s', async (name, settings) => {
    const problem = await firstAnswer({ ...right, ...settings }, '/v1/chat')
    expect(problem).toMatchObject({ code: 'misconfigured', settings: [{ name }] })
    expect(JSON.stringify(problem)).not.toContain('Be kind')
  })
})

describe('MODEL_TIMEOUT_MS', () => {
  /** An object stands for the binding: nothing calls it. */
  const LIVE_REPLIES = {}
  const tenMinutes = { ...right, MODEL_TIMEOUT_MS: '600000', TURN_LEASE_MS: '120000' }

  async function refusal(settings: Record<string, unknown>) {
    const problem = await firstAnswer(settings, '/v1/chat')
    return (problem['settings'] as { name: string; message: string }[] | undefined)?.[0]
  }

  test('beyond 128 s needs the binding of Durable Objects, which the error names', async () => {
    for (const bindings of [{}, { LIVE_REPLIES: undefined }, { LIVE_REPLIES: 'true' }])
      for (const MODEL_TIMEOUT_MS of ['128001', '600000'])
        expect(await refusal({ ...tenMinutes, ...bindings, MODEL_TIMEOUT_MS })).toEqual({
          name: 'MODEL_TIMEOUT_MS',
          message: 'must be at most 128000 without the Durable Object binding LIVE_REPLIES',
        })
    expect(() => createDeps({ ...tenMinutes, MODEL_TIMEOUT_MS: '128000' })).not.toThrow()
    expect(() => createDeps({ ...tenMinutes, LIVE_REPLIES })).not.toThrow()
    const tooLong = await refusal({ ...tenMinutes, LIVE_REPLIES, MODEL_TIMEOUT_MS: '600001' })
    expect(tooLong).toEqual({
      name: 'MODEL_TIMEOUT_MS',
      message: 'must be a whole number from 10 to 600000',
    })
  })

  test.each([
    [40, 64_000, { MODEL_TIMEOUT_MS: '600000', TURN_LEASE_MS: '15000' }],
    [40, 64_000, { MODEL_TIMEOUT_MS: '600000', TURN_LEASE_MS: '7001' }],
    [40, 19_000, { MODEL_TIMEOUT_MS: '300000', TURN_LEASE_MS: '7000' }],
    [25, 14_000, { MODEL_TIMEOUT_MS: '128000', TURN_LEASE_MS: '7000' }],
  ])(
    'with too short a lease is refused with the shortest for %i calls, %i: %j',
    async (calls, enough, settings) => {
      const bound = { ...right, LIVE_REPLIES, ...settings }
      expect(await refusal(bound)).toEqual({
        name: 'TURN_LEASE_MS',
        message: `is too short for MODEL_TIMEOUT_MS: renewing it would take more than ${calls} database calls a turn; ${enough} is enough`,
      })
      expect(() => createDeps({ ...bound, TURN_LEASE_MS: enough })).not.toThrow()
      expect(() => createDeps({ ...bound, TURN_LEASE_MS: enough - 1_000 })).toThrow(
        'TURN_LEASE_MS is too short',
      )
    },
  )

  test('of up to ten minutes is possible, with the longest lease', () => {
    for (let seconds = 1; seconds <= 600; seconds += 1)
      expect(() =>
        createDeps({ ...tenMinutes, LIVE_REPLIES, MODEL_TIMEOUT_MS: seconds * 1_000 }),
      ).not.toThrow()
  })
})

describe('settings that are right', () => {
  test.each([
    ['nothing but a database and a key', {}],
    [
      'a base URL instead of a key',
      { OPENAI_API_KEY: '', OPENAI_BASE_URL: 'http://localhost:11434/v1' },
    ],
    [
      'keys of a login with its issuer',
      {
        AUTH_JWKS_URL: 'https://login.example.com/jwks.json',
        AUTH_ISSUER: 'https://login.example.com/',
        AUTH_AUDIENCE: '',
      },
    ],
    ['keys of a login on localhost', { AUTH_JWKS_URL: 'http://localhost:9000/jwks.json' }],
    ['a secret of 32 characters', { AUTH_JWT_SECRET: 'x'.repeat(32), AUTH_AUDIENCE: '' }],
    ['an endpoint on 127.0.0.1', { NEON_HTTP_ENDPOINT: 'http://127.0.0.1:4444/sql' }],
    ['an endpoint on localhost', { NEON_HTTP_ENDPOINT: 'http://localhost:4444/sql' }],
    ['an endpoint on ::1', { NEON_HTTP_ENDPOINT: 'http://[::1]:4444/sql' }],
  ])('are taken: %s', (_, settings) => {
    expect(() => createDeps({ ...right, ...settings })).not.toThrow()
  })

  test('are origins in the form of browsers, with any separator', () => {
    const ALLOWED_ORIGINS = `HTTPS://WWW.Example.com:443 https://*.Example.org:8443
      http://localhost:*,http://[::1]:*, https://*.localhost`
    expect(parseEnv({ ...right, ALLOWED_ORIGINS }).ALLOWED_ORIGINS).toEqual([
      'https://www.example.com',
      'https://*.example.org:8443',
      'http://localhost:*',
      'http://[::1]:*',
      'https://*.localhost',
    ])
  })

  test('have their default if they are empty, as in a line of .dev.vars without a value', () => {
    const names = Object.keys(parseEnv(right)).filter((name) => !(name in right))
    const empty = Object.fromEntries(names.map((name) => [name, '']))
    expect(parseEnv({ ...right, ...empty })).toEqual(parseEnv(right))
  })

  test('have the defaults of the README', () => {
    expect(parseEnv(right)).toMatchObject({
      CONTEXT_MAX_TURNS: 200,
      RECALL_TOKENS: 1_000,
      RECALL_SCOPE: 'session',
      OPENAI_PROMPT_CACHE_KEY: false,
    })
  })

  test('may turn recall off, or extend it to all sessions of a user', () => {
    const vars = { RECALL_TOKENS: '0', RECALL_SCOPE: 'user' }
    expect(parseEnv({ ...right, ...vars })).toMatchObject({
      RECALL_TOKENS: 0,
      RECALL_SCOPE: 'user',
    })
  })

  test('may be numbers and booleans, as wrangler.toml has them', () => {
    const vars = { CONTEXT_MAX_TURNS: 5, RECALL_TOKENS: 500, OPENAI_PROMPT_CACHE_KEY: true }
    expect(parseEnv({ ...right, ...vars })).toMatchObject(vars)
  })
})
