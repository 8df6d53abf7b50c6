import * as z from 'zod'
import { Problem } from './errors.ts'
import { normalOriginPattern } from './origin.ts'

/**
 * A setting as text, without spaces around it; undefined if it is absent or empty. In wrangler.toml it may be a number
 * or a boolean.
 */
const optional = z
  .union([z.string(), z.number(), z.boolean()])
  .optional()
  .transform((value) => String(value ?? '').trim() || undefined)

/** A whole number from `min` to `max`; `fallback` if the setting is absent or empty. */
const integer = (fallback: number, min: number, max: number) =>
  optional.transform((value, context) => {
    const number = value === undefined ? fallback : /^\d+$/.test(value) ? Number(value) : Number.NaN
    if (number >= min && number <= max) return number
    return fault(context, `must be a whole number from ${min} to ${max}`)
  })

/** Does not repeat the value, which may contain a password. */
function fault(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message, input: undefined })
  return z.NEVER
}

function urlFault(value: string, protocols: string[]): string | undefined {
  if (!URL.canParse(value)) return 'must be a URL'
  const { protocol } = new URL(value)
  return protocols.includes(protocol)
    ? undefined
    : `must begin with ${protocols.map((name) => `${name}//`).join(' or ')}`
}

const databaseUrl = optional.transform((value, context) => {
  if (value === undefined) return fault(context, 'is missing')
  const wrong = urlFault(value, ['postgres:', 'postgresql:']) ?? connectionFault(new URL(value))
  return wrong === undefined ? value : fault(context, wrong)
})

function connectionFault(url: URL): string | undefined {
  const parts = [url.username, url.password, url.hostname, url.pathname.slice(1)]
  return parts.includes('') ? 'must name a user, a password, a host and a database' : undefined
}

/** Loopback only, because the driver sends the database's password to this URL. */
const loopbackUrl = optional.transform((value, context) => {
  if (value === undefined) return undefined
  const wrong =
    urlFault(value, ['http:']) ??
    (['127.0.0.1', 'localhost', '[::1]'].includes(new URL(value).hostname)
      ? undefined
      : 'must be on 127.0.0.1, localhost or [::1]')
  return wrong === undefined ? value : fault(context, wrong)
})

const httpUrl = optional.transform((value, context) => {
  const wrong = value === undefined ? undefined : urlFault(value, ['http:', 'https:'])
  return wrong === undefined ? value : fault(context, wrong)
})

const httpsUrl = optional.transform((value, context) => {
  if (value === undefined) return undefined
  const url = URL.canParse(value) ? new URL(value) : undefined
  const isLoopback = url?.protocol === 'http:' && /^(localhost|127\.0\.0\.1)$/.test(url.hostname)
  return url?.protocol === 'https:' || isLoopback
    ? value
    : fault(context, 'must be a URL that begins with https://')
})

/** A key that is long enough not to be guessed. */
const secret = optional.transform((value, context) =>
  value === undefined || value.length >= 32
    ? value
    : fault(context, 'must have at least 32 characters'),
)

/** A key that a header can carry unchanged. */
const bearerSecret = secret.transform((value, context) =>
  value === undefined || /^[!-~]+$/.test(value)
    ? value
    : fault(context, 'must contain only letters, digits and punctuation of ASCII, without spaces'),
)

/** A whole number of tokens a day; `off` for no cap. */
const dailyTokens = (fallback: number) =>
  optional.transform((value, context) => {
    if (value === undefined) return fallback
    if (value === 'off') return undefined
    if (/^[1-9]\d{0,14}$/.test(value)) return Number(value)
    return fault(context, 'must be a whole number of tokens, or off')
  })

/** Origins and patterns, separated by commas or spaces, in the form that `matchesOrigin` takes. */
const originList = optional.transform((value, context) => {
  const entries = value?.split(/[\s,]+/).filter((entry) => entry !== '') ?? []
  const origins: string[] = []
  for (const [index, entry] of entries.entries()) {
    const origin = normalOriginPattern(entry)
    if (origin === undefined) return fault(context, `entry ${index + 1} must be ${expected(entry)}`)
    origins.push(origin)
  }
  return origins
})

function expected(entry: string): string {
  return /^https?:\/\/[^/]+\//i.test(entry)
    ? 'an origin without a path or a slash at its end, such as https://www.example.com'
    : 'like https://www.example.com, https://*.example.com or http://localhost:*'
}

const bool = (fallback: boolean) =>
  optional
    .pipe(z.enum(['true', 'false']).optional())
    .transform((value) => (value === undefined ? fallback : value === 'true'))

/** The Worker's settings, by their names in wrangler.toml, in secrets and in .dev.vars. */
export const Env = z
  .object({
    DATABASE_URL: databaseUrl,
    NEON_HTTP_ENDPOINT: loopbackUrl,
    DATABASE_TIMEOUT_MS: integer(8_000, 100, 30_000),
    OPENAI_API_KEY: optional,
    OPENAI_BASE_URL: httpUrl,
    OPENAI_MODEL: optional.transform((value) => value ?? 'gpt-4.1-mini'),
    OPENAI_MAX_TOKENS_FIELD: optional.pipe(
      z.enum(['max_completion_tokens', 'max_tokens']).default('max_completion_tokens'),
    ),
    OPENAI_STREAM_USAGE: bool(true),
    SYSTEM_PROMPT: optional.transform(
      (value) => value ?? 'You are a helpful assistant on this website.',
    ),
    CONTEXT_MAX_TURNS: integer(20, 0, 200),
    CONTEXT_TOKEN_BUDGET: integer(8_000, 100, 10_000_000),
    MAX_COMPLETION_TOKENS: integer(1_024, 1, 1_000_000),
    MODEL_FIRST_TOKEN_TIMEOUT_MS: integer(30_000, 10, 300_000),
    MODEL_IDLE_TIMEOUT_MS: integer(15_000, 10, 300_000),
    MODEL_TIMEOUT_MS: integer(120_000, 10, 128_000),
    TURN_LEASE_MS: integer(15_000, 7_000, 120_000),
    ALLOWED_ORIGINS: originList,
    ALLOW_NO_ORIGIN: bool(true),
    DAILY_TOKENS_PER_USER: dailyTokens(200_000),
    DAILY_TOKENS_PER_ADDRESS: dailyTokens(400_000),
    DAILY_TOKENS_PER_SITE: dailyTokens(5_000_000),
    AUTH_JWKS_URL: httpsUrl,
    AUTH_JWT_SECRET: secret,
    AUTH_ISSUER: optional,
    AUTH_AUDIENCE: optional,
    ADMIN_TOKEN: bearerSecret,
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
