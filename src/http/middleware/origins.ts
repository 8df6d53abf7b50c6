import type { Context } from 'hono'
import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'
import { Problem, repeatedName } from '../../errors.ts'
import { matchesOrigin, normalOrigin } from '../../origin.ts'
import type { AppEnv } from '../app-env.ts'

/** The longest time for which Chromium keeps a preflight. */
const preflightSeconds = 7_200
const allowMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
const allowHeaders = ['authorization', 'content-type', 'last-event-id']

/**
 * Lets websites call: the Worker's own and those of `ALLOWED_ORIGINS`. Refuses other websites before anything else runs,
 * with a 403 that their pages can read, so that a page can tell this from a lost connection.
 * CORS credentials are never allowed, because the token has a header of its own; so a forged request cannot use a
 * cookie. This protects browsers only: any other client may send any `Origin`.
 */
export function origins() {
  const allow = cors({
    origin: (_, c: Context<AppEnv>) => allowedOrigin(c),
    allowMethods,
    allowHeaders,
    exposeHeaders: ['retry-after', 'x-request-id', 'server-timing', 'x-reply-id'],
    maxAge: preflightSeconds,
  })
  return createMiddleware<AppEnv>(async (c, next) => {
    if (mayCall(c)) return allow(c, next)
    return refuse(c)
  })
}

/**
 * Allows a page to read the refusal. This reveals nothing: the page gets an empty answer to its preflight and this 403,
 * which are the same for every path and credential. Its request does not run.
 * @throws Problem `origin_not_allowed`
 */
function refuse(c: Context<AppEnv>): Response {
  c.header('vary', 'Origin')
  const origin = originFormat.exec(c.req.header('origin') ?? '')?.[0]
  if (origin !== undefined) {
    c.header('access-control-allow-origin', origin)
    if (c.req.method === 'OPTIONS' && c.req.header('access-control-request-method')) {
      c.header('access-control-allow-methods', allowMethods.join(','))
      c.header('access-control-allow-headers', allowHeaders.join(','))
      return c.body(null, 204)
    }
  }
  throw new Problem('origin_not_allowed', {
    detail: refusalOf(origin),
    ...(origin !== undefined && { members: { origin: repeatedName(origin) } }),
    hint: 'setting ALLOWED_ORIGINS',
  })
}

/** An origin as a browser may send it, of any scheme. Nothing else is repeated in an answer. */
const originFormat = /^(?=.{1,300}$)(null|[a-z][a-z\d+.-]*:\/\/[\w.:[\]-]*)$/i

function refusalOf(origin: string | undefined): string {
  if (origin === undefined) return 'The setting ALLOWED_ORIGINS lists the websites that may use it'
  if (origin === 'null')
    return 'A page without an origin, such as a sandboxed frame or a local file, may not use it'
  return `The setting ALLOWED_ORIGINS does not list ${repeatedName(origin)}`
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
