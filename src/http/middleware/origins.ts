import type { Context } from 'hono'
import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../../errors.ts'
import { matchesOrigin, normalOrigin } from '../../origin.ts'

/** Browsers keep no preflight for longer than two hours, or a day. */
const preflightSeconds = 7_200

/**
 * Which websites may call: that of the Worker itself and those of `ALLOWED_ORIGINS`. Others are refused before anything
 * else runs. No credentials are ever allowed (a token comes in a header of its own), so that no cookie is worth a
 * forged request. A guard for browsers only: whoever is none may send any `Origin`.
 */
export function origins() {
  const allow = cors({
    origin: (_, c: Context<AppEnv>) => allowedOrigin(c),
    allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowHeaders: ['authorization', 'content-type', 'last-event-id'],
    exposeHeaders: ['retry-after', 'x-request-id', 'server-timing'],
    maxAge: preflightSeconds,
  })
  return createMiddleware<AppEnv>(async (c, next) => {
    if (mayCall(c)) return allow(c, next)
    c.header('vary', 'Origin')
    throw new Problem('origin_not_allowed', { detail: 'ALLOWED_ORIGINS names the others' })
  })
}

function mayCall(c: Context<AppEnv>): boolean {
  if (c.req.header('origin') !== undefined) return allowedOrigin(c) !== undefined
  // Of browsers, which send no Origin with a GET of the same one, nor with the likes of an image from elsewhere.
  const site = c.req.header('sec-fetch-site')
  if (site === 'same-origin') return true
  return c.get('deps').access.allowNoOrigin && site !== 'cross-site' && site !== 'same-site'
}

/** The request's `Origin` where it is one of those that may call. */
function allowedOrigin(c: Context<AppEnv>): string | undefined {
  const origin = normalOrigin(c.req.header('origin') ?? '')
  if (origin === undefined) return undefined
  const { allowedOrigins } = c.get('deps').access
  const isOwn = origin === new URL(c.req.url).origin
  return isOwn || allowedOrigins.some((pattern) => matchesOrigin(origin, pattern))
    ? origin
    : undefined
}
