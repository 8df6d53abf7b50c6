import * as z from 'zod'
import {
  bool,
  dailyTokens,
  databaseUrl,
  fault,
  headerSecret,
  httpsUrl,
  httpUrl,
  integer,
  line,
  longHeaderSecret,
  longSecret,
  loopbackUrl,
  oneOf,
  optional,
  originList,
} from './env/fields.ts'
import { Problem } from './errors.ts'

export const longestLeaseMs = 120_000

/** The Worker's settings, by their names in wrangler.toml, in secrets and in .dev.vars. */
export const Env = z
  .object({
    DATABASE_URL: databaseUrl,
    NEON_HTTP_ENDPOINT: loopbackUrl,
    DATABASE_TIMEOUT_MS: integer(8_000, 100, 30_000),
    OPENAI_API_KEY: headerSecret,
    OPENAI_BASE_URL: httpUrl,
    OPENAI_MODEL: line.transform((value) => value ?? 'gpt-4.1-mini'),
    OPENAI_MAX_TOKENS_FIELD: oneOf(
      ['max_completion_tokens', 'max_tokens'],
      'max_completion_tokens',
    ),
    OPENAI_STREAM_USAGE: bool(true),
    OPENAI_PROMPT_CACHE_KEY: bool(false),
    SYSTEM_PROMPT: optional.transform(
      (value) => value ?? 'You are a helpful assistant on this website.',
    ),
    CONTEXT_MAX_TURNS: integer(200, 0, 200),
    CONTEXT_TOKEN_BUDGET: integer(8_000, 100, 10_000_000),
    RECALL_TOKENS: integer(1_000, 0, 100_000),
    RECALL_SCOPE: oneOf(['session', 'user'], 'session'),
    MAX_COMPLETION_TOKENS: integer(1_024, 1, 1_000_000),
    MODEL_FIRST_TOKEN_TIMEOUT_MS: integer(30_000, 10, 300_000),
    MODEL_IDLE_TIMEOUT_MS: integer(15_000, 10, 300_000),
    MODEL_TIMEOUT_MS: integer(120_000, 10, 600_000),
    TURN_LEASE_MS: integer(15_000, 7_000, longestLeaseMs),
    ALLOWED_ORIGINS: originList,
    ALLOW_NO_ORIGIN: bool(true),
    DAILY_TOKENS_PER_USER: dailyTokens(200_000),
    DAILY_TOKENS_PER_ADDRESS: dailyTokens(400_000),
    DAILY_TOKENS_PER_SITE: dailyTokens(5_000_000),
    AUTH_JWKS_URL: httpsUrl,
    AUTH_JWT_SECRET: longSecret,
    AUTH_ISSUER: line,
    AUTH_AUDIENCE: line,
    ADMIN_TOKEN: longHeaderSecret,
    RETENTION_DAYS: optional.transform((value, context) => {
      if (value === undefined) return undefined
      const days = /^\d{1,5}$/.test(value) ? Number(value) : 0
      return days >= 1 ? days : fault(context, 'must be a whole number of days from 1 to 99999')
    }),
  })
  .refine((env) => env.OPENAI_API_KEY !== undefined || env.OPENAI_BASE_URL !== undefined, {
    path: ['OPENAI_API_KEY'],
    message: 'or OPENAI_BASE_URL must be set',
    // Runs even if another setting is wrong, so that the error names all of them at once.
    when: () => true,
  })
  .refine((env) => env.AUTH_JWKS_URL === undefined || (env.AUTH_ISSUER ?? env.AUTH_AUDIENCE), {
    path: ['AUTH_AUDIENCE'],
    message:
      'or AUTH_ISSUER must be set with AUTH_JWKS_URL, because its keys may sign tokens for other sites',
    when: () => true,
  })

export type Env = z.infer<typeof Env>

/** A setting that is missing or wrong, without its value, which may be a secret. */
export interface SettingFault {
  name: string
  message: string
}

/**
 * Parses the settings.
 * @throws Problem `misconfigured`, which names each setting that is missing or wrong.
 */
export function parseEnv(bindings: unknown): Env {
  const parsed = Env.safeParse(bindings)
  if (parsed.success) return parsed.data
  throw misconfigured(
    parsed.error.issues.map(({ path, message }) => ({ name: String(path[0] ?? ''), message })),
  )
}

export function misconfigured(settings: SettingFault[]): Problem {
  return new Problem('misconfigured', {
    detail: settings.map(({ name, message }) => `${name} ${message}`).join('; '),
    members: { settings },
  })
}
