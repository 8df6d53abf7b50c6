import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'
import { base64url } from '../base64url.ts'
import { Problem } from '../errors.ts'

const visitorTokenFormat = /^vst_[\w-]{43}$/

/** Who is calling, by `Authorization: Bearer` and by nothing else. A malformed credential is refused, none is not. */
export function identity() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const header = c.req.header('authorization')
    c.set('userId', header === undefined ? undefined : await userIdOf(header))
    await next()
  })
}

/** For routes that need a credential: 401 before anything else, whether or not what they name is there. */
export const needsUser = createMiddleware<{ Variables: { userId: string } }>(async (c, next) => {
  if (c.get('userId') === undefined) throw missingCredential()
  await next()
})

export function missingCredential(): Problem {
  return unauthorized('Send a visitor token: authorization: Bearer vst_…')
}

/** The caller, or a new visitor, whose token the answer must hand over: it is kept nowhere. */
export async function userOrNewVisitor(
  c: Context<AppEnv>,
): Promise<{ userId: string; visitorToken?: string }> {
  const userId = c.get('userId')
  if (userId !== undefined) return { userId }
  const visitorToken = newVisitorToken()
  return { userId: await visitorIdOf(visitorToken), visitorToken }
}

/** `vst_` and 256 random bits. */
export function newVisitorToken(): string {
  return `vst_${base64url(binaryOf(crypto.getRandomValues(new Uint8Array(32))))}`
}

async function userIdOf(header: string): Promise<string> {
  const [, token] = /^bearer +(\S+)$/i.exec(header) ?? []
  if (token === undefined || !visitorTokenFormat.test(token))
    throw unauthorized('The credential is not a visitor token')
  return visitorIdOf(token)
}

/** Only a hash of the token is ever stored: a database dump opens no session. */
async function visitorIdOf(token: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))
  return `visitor:${base64url(binaryOf(new Uint8Array(hash)))}`
}

function binaryOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

function unauthorized(detail: string): Problem {
  return new Problem('unauthorized', { detail })
}
