import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'
import type { JwtVerifier } from '../../auth/jwt-verifier.ts'
import { newVisitorToken, visitorIdOf } from '../../auth/visitor-token.ts'
import { type Problem, unauthorized } from '../../errors.ts'
import { visitorTokenFormat } from '../../protocol.ts'

/** Who is calling, by `Authorization: Bearer` and by nothing else. A wrong credential is refused, none is not. */
export function identity() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const header = c.req.header('authorization')
    const { verifyJwt } = c.get('deps')
    c.set('userId', header === undefined ? undefined : await userIdOf(header, verifyJwt))
    await next()
  })
}

/** For routes that need a credential: 401 before anything else, whether or not what they name is there. */
export const needsUser = createMiddleware<{ Variables: { userId: string } }>(async (c, next) => {
  if (c.get('userId') === undefined) throw missingCredential()
  await next()
})

/** After `needsUser`, for whom the site has signed in: to a visitor, and where the site has no login, a 401. */
export const needsLogin = createMiddleware<{ Variables: { userId: string } }>(async (c, next) => {
  if (!c.get('userId').startsWith('user:'))
    throw unauthorized('Send the JWT of a signed-in user: authorization: Bearer …')
  await next()
})

export function missingCredential(): Problem {
  return unauthorized('Send a credential: authorization: Bearer …')
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

async function userIdOf(header: string, verifyJwt: JwtVerifier | undefined): Promise<string> {
  const [, token = ''] = /^bearer +(\S+)$/i.exec(header) ?? []
  if (visitorTokenFormat.test(token)) return visitorIdOf(token)
  if (verifyJwt === undefined) throw unauthorized('The credential is not a visitor token')
  return verifyJwt(token)
}
