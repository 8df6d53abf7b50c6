import type { Context } from 'hono'
import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'
import { Problem } from '../../errors.ts'
import { matchesOrigin, normalOrigin } from '../../origin.ts'
import type { AppEnv } from '../app-env.ts'

/** The longest time for which Chromium keeps a preflight. */
const preflightSeconds = 7_200

/**
 * Lets websites call: the Worker's own and those of `ALLOWED_ORIGINS`. Refuses other websites before anything else runs.
 * CORS credentials are never allowed, because the token has a header of its own; so a forged request cannot use a
 * cookie. This protects browsers only: any other client may send any `Origin`.
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
    throw new Problem('origin_not_allowed', {
      detail: 'The setting ALLOWED_ORIGINS lists the websites that may use it',
    })
  })
}

function mayCall(c: Context<AppEnv>): boolean {
  if (c.req.header('origin') !== undefined) return allowedOrigin(c) !== undefined
  // A browser sends no Origin with a GET to its own origin, nor for an image on another website.
  const site = c.req.header('sec-fetch-site')
  if (site === 'same-origin') return true
  return c.get('deps').access.allowNoOrigin && site !== 'cross-site' && site !== 'same-site'
}

/** The request's `Origin`, if it may call. */
function allowedOrigin(c: Context<AppEnv>): string | undefined {
  const origin = normalOrigin(c.req.header('origin') ?? '')
  if (origin === undefined) return undefined
  const { allowedOrigins } = c.get('deps').access
  const isOwn = origin === new URL(c.req.url).origin
  return isOwn || allowedOrigins.some((pattern) => matchesOrigin(origin, pattern))
    ? origin
    : undefined
}
