import { createJwtVerifier, type JwtVerifier } from './auth/jwt-verifier.ts'
import { createDatabase } from './db/database.ts'
import { type Env, longestLeaseMs, misconfigured, parseEnv } from './env.ts'
import { databaseCalls } from './limits.ts'
import { openaiModel } from './llm/openai.ts'
import { checkpointCount } from './turn/checkpoints.ts'
import { historyTokens } from './turn/prompt/window.ts'
import type { TurnDeps } from './turn/start-turn.ts'
import { countTokens } from './turn/tokens/token-count.ts'

/** The parts that the routes use, made once from the settings. */
export interface Deps extends TurnDeps {
  access: AccessSettings
  /** Undefined if the site has no login: visitor tokens are then the only credential. */
  verifyJwt: JwtVerifier | undefined
}

/** The settings for callers, and for how long sessions are kept. */
export interface AccessSettings {
  /** Exact origins, and patterns such as `https://*.example.com`. The Worker's own origin is always allowed. */
  allowedOrigins: string[]
  /** Whether requests without an `Origin` are allowed, such as those of curl and of servers. */
  allowNoOrigin: boolean
  adminToken: string | undefined
  /** Sessions are erased after this many days without activity; undefined: never. */
  retentionDays: number | undefined
}

/** The longest `MODEL_TIMEOUT_MS` of a turn that runs in the Worker itself. */
const longestInWorkerMs = 128_000
/** Calls of a turn beside the timed checkpoints: begin, finish, their repeats, and the checkpoint at a disconnect. */
const otherCalls = 6
/** The same in an object: finish and its repeats. The Worker begins the turn, and nobody's disconnect matters. */
const otherCallsOfObject = 3

/** @throws Problem `misconfigured`, which names the settings that are wrong */
export function createDeps(bindings: unknown): Deps {
  const env = parseEnv(bindings)
  const settings = {
    model: env.OPENAI_MODEL,
    systemPrompt: env.SYSTEM_PROMPT,
    countedBy: `${env.OPENAI_MODEL}#${fnv1a(env.SYSTEM_PROMPT)}`,
    maxTurns: env.CONTEXT_MAX_TURNS,
    tokenBudget: env.CONTEXT_TOKEN_BUDGET,
    maxCompletionTokens: env.MAX_COMPLETION_TOKENS,
    systemTokens: countTokens(env.SYSTEM_PROMPT),
    leaseMs: env.TURN_LEASE_MS,
    dailyCaps: dailyCapsOf(env),
    recall: { tokens: env.RECALL_TOKENS, scope: env.RECALL_SCOPE },
    sendsCacheKey: env.OPENAI_PROMPT_CACHE_KEY,
  }
  if (historyTokens(settings, 1) < 0) throw noRoom(settings)
  checkCaps(env)
  checkTimeout(env, bindings)
  checkCalls(env)
  return {
    db: databaseOf(env),
    model: modelOf(env),
    settings,
    access: accessOf(env),
    verifyJwt: verifierOf(env),
  }
}

function noRoom({ systemTokens }: { systemTokens: number }) {
  const message = `leaves no room beside MAX_COMPLETION_TOKENS and a SYSTEM_PROMPT of ${systemTokens} tokens`
  return misconfigured([{ name: 'CONTEXT_TOKEN_BUDGET', message }])
}

/** With a cap smaller than the cost of one turn, a long session could never continue, on any day. */
function checkCaps(env: Env): void {
  const names = [
    'DAILY_TOKENS_PER_USER',
    'DAILY_TOKENS_PER_ADDRESS',
    'DAILY_TOKENS_PER_SITE',
  ] as const
  const tooSmall = names.filter((name) => (env[name] ?? Infinity) < env.CONTEXT_TOKEN_BUDGET)
  if (tooSmall.length === 0) return
  const message = `must be at least CONTEXT_TOKEN_BUDGET (${env.CONTEXT_TOKEN_BUDGET}), because one turn may cost that much`
  throw misconfigured(tooSmall.map((name) => ({ name, message })))
}

/** A Worker does not live long enough for a long reply once its client has left. */
function checkTimeout({ MODEL_TIMEOUT_MS: timeoutMs }: Env, bindings: unknown): void {
  const binding = (bindings as Record<string, unknown>)['LIVE_REPLIES']
  if (timeoutMs <= longestInWorkerMs || typeof binding === 'object') return
  const message = `must be at most ${longestInWorkerMs} without the Durable Object binding LIVE_REPLIES`
  throw misconfigured([{ name: 'MODEL_TIMEOUT_MS', message }])
}

function checkCalls({ MODEL_TIMEOUT_MS: timeoutMs, TURN_LEASE_MS: leaseMs }: Env): void {
  const isLong = timeoutMs > longestInWorkerMs
  const calls = isLong ? databaseCalls.perLongTurn : databaseCalls.perTurn
  const checkpoints = calls - (isLong ? otherCallsOfObject : otherCalls)
  const isEnough = (ms: number) => checkpointCount(timeoutMs, ms) <= checkpoints
  if (isEnough(leaseMs)) return
  let enoughMs = Math.ceil(leaseMs / 1_000) * 1_000
  while (!isEnough(enoughMs) && enoughMs < longestLeaseMs) enoughMs += 1_000
  const message = `is too short for MODEL_TIMEOUT_MS: renewing it would take more than ${calls} database calls a turn; ${enoughMs} is enough`
  throw misconfigured([{ name: 'TURN_LEASE_MS', message }])
}

function dailyCapsOf(env: Env) {
  return {
    perUser: env.DAILY_TOKENS_PER_USER,
    perAddress: env.DAILY_TOKENS_PER_ADDRESS,
    perSite: env.DAILY_TOKENS_PER_SITE,
    addressKey: env.DATABASE_URL,
  }
}

function accessOf(env: Env): AccessSettings {
  return {
    allowedOrigins: env.ALLOWED_ORIGINS,
    allowNoOrigin: env.ALLOW_NO_ORIGIN,
    adminToken: env.ADMIN_TOKEN,
    retentionDays: env.RETENTION_DAYS,
  }
}

function verifierOf(env: Env) {
  return createJwtVerifier({
    jwksUrl: env.AUTH_JWKS_URL,
    secret: env.AUTH_JWT_SECRET,
    issuer: env.AUTH_ISSUER,
    audience: env.AUTH_AUDIENCE,
  })
}

function databaseOf(env: Env) {
  return createDatabase({
    connectionString: env.DATABASE_URL,
    endpoint: env.NEON_HTTP_ENDPOINT,
    timeoutMs: env.DATABASE_TIMEOUT_MS,
  })
}

function modelOf(env: Env) {
  return openaiModel({
    apiKey: env.OPENAI_API_KEY,
    baseUrl: env.OPENAI_BASE_URL,
    model: env.OPENAI_MODEL,
    maxCompletionTokens: env.MAX_COMPLETION_TOKENS,
    maxTokensField: env.OPENAI_MAX_TOKENS_FIELD,
    streamUsage: env.OPENAI_STREAM_USAGE,
    firstTokenTimeoutMs: env.MODEL_FIRST_TOKEN_TIMEOUT_MS,
    idleTimeoutMs: env.MODEL_IDLE_TIMEOUT_MS,
    timeoutMs: env.MODEL_TIMEOUT_MS,
  })
}

/** FNV-1a, 32 bits, over UTF-16 units (draft-eastlake-fnv): distinguishes an edited system prompt from the old one. */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
