import * as z from 'zod'
import { Problem } from './errors.ts'

const present = z.string().trim().min(1)

/** A whole number within `min` and `max`, given as text; `fallback` where the setting is absent or empty. */
const integer = (fallback: number, min: number, max: number) =>
  z
    .union([
      z.literal('').transform(() => undefined),
      z.string().regex(/^\d+$/, 'must be a whole number'),
    ])
    .optional()
    .transform((value) => (value === undefined ? fallback : Number(value)))
    .pipe(z.int().min(min).max(max))

const optional = z
  .string()
  .trim()
  .optional()
  .transform((value) => value || undefined)

function urlFault(value: string, protocols: string[]): string | undefined {
  if (!URL.canParse(value)) return 'must be a URL'
  const { protocol } = new URL(value)
  return protocols.includes(protocol)
    ? undefined
    : `must begin with ${protocols.map((name) => `${name}//`).join(' or ')}`
}

const databaseUrl = present.check(({ value, issues }) => {
  const fault = urlFault(value, ['postgres:', 'postgresql:']) ?? connectionFault(new URL(value))
  // The value holds a password: it is not repeated.
  if (fault !== undefined) issues.push({ code: 'custom', message: fault, input: undefined })
})

function connectionFault(url: URL): string | undefined {
  const complete = url.hostname !== '' && url.username !== '' && url.pathname.length > 1
  return complete ? undefined : 'must name a user, a host and a database'
}

/** Loopback only: whoever answers there is sent the database's password. */
const loopbackUrl = optional.check(({ value, issues }) => {
  if (value === undefined) return
  const fault =
    urlFault(value, ['http:']) ??
    (['127.0.0.1', 'localhost', '[::1]'].includes(new URL(value).hostname)
      ? undefined
      : 'must be on 127.0.0.1, localhost or [::1]')
  if (fault !== undefined) issues.push({ code: 'custom', message: fault, input: value })
})

const httpUrl = optional.check(({ value, issues }) => {
  const fault = value === undefined ? undefined : urlFault(value, ['http:', 'https:'])
  if (fault !== undefined) issues.push({ code: 'custom', message: fault, input: value })
})

const bool = (fallback: boolean) =>
  z
    .enum(['true', 'false', ''])
    .optional()
    .transform((value) => (value ? value === 'true' : fallback))

/** The Worker's settings, by the names under which wrangler.toml, secrets and .dev.vars give them. */
export const Env = z
  .object({
    DATABASE_URL: databaseUrl,
    NEON_HTTP_ENDPOINT: loopbackUrl,
    DATABASE_TIMEOUT_MS: integer(8_000, 100, 30_000),
    OPENAI_API_KEY: optional,
    OPENAI_BASE_URL: httpUrl,
    OPENAI_MODEL: optional.transform((value) => value ?? 'gpt-4.1-mini'),
    OPENAI_MAX_TOKENS_FIELD: z
      .enum(['max_completion_tokens', 'max_tokens'])
      .default('max_completion_tokens'),
    OPENAI_STREAM_USAGE: bool(true),
    SYSTEM_PROMPT: optional.transform(
      (value) => value ?? 'You are a helpful assistant on this website.',
    ),
    CONTEXT_MAX_TURNS: integer(20, 0, 200),
    CONTEXT_TOKEN_BUDGET: integer(8_000, 100, 10_000_000),
    MAX_COMPLETION_TOKENS: integer(1_024, 1, 1_000_000),
    MODEL_FIRST_TOKEN_TIMEOUT_MS: integer(30_000, 10, 300_000),
    MODEL_IDLE_TIMEOUT_MS: integer(15_000, 10, 300_000),
    MODEL_TIMEOUT_MS: integer(120_000, 10, 600_000),
    TURN_LEASE_MS: integer(15_000, 7_000, 120_000),
  })
  .refine((env) => env.OPENAI_API_KEY !== undefined || env.OPENAI_BASE_URL !== undefined, {
    path: ['OPENAI_API_KEY'],
    message: 'or OPENAI_BASE_URL must be set',
  })

export type Env = z.infer<typeof Env>

/** A setting that is missing or wrong. The value is not repeated: it may be a secret. */
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
    parsed.error.issues.map(({ path, message, code }) => {
      const name = String(path[0] ?? '')
      const absent = (bindings as Record<string, unknown> | undefined)?.[name] === undefined
      return { name, message: absent && code === 'invalid_type' ? 'is missing' : message }
    }),
  )
}

export function misconfigured(settings: SettingFault[]): Problem {
  return new Problem('misconfigured', {
    detail: settings.map(({ name, message }) => `${name} ${message}`).join('; '),
    members: { settings },
  })
}
