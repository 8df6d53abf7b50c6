import { createMiddleware } from 'hono/factory'
import type { JwtVerifier } from '../../auth/jwt-verifier.ts'
import { visitorIdOf } from '../../auth/visitor-token.ts'
import { unauthorized } from '../../errors.ts'
import { visitorTokenFormat } from '../../protocol.ts'
import type { AppEnv } from '../app-env.ts'
import { missingCredential } from '../caller.ts'

/** Reads `Authorization: Bearer`, and nothing else. Rejects an invalid credential; a missing one is allowed. */
export function identity() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const header = c.req.header('authorization')
    const { verifyJwt } = c.get('deps')
    c.set('userId', header === undefined ? undefined : await userIdOf(header, verifyJwt))
    await next()
  })
}

/** For routes that need a credential: 401 before anything else, whether or not the session in the path exists. */
export const needsUser = createMiddleware<{ Variables: { userId: string } }>(async (c, next) => {
  if (c.get('userId') === undefined) throw missingCredential()
  await next()
})

/** Comes after `needsUser`. Answers 401 to a visitor, and to everybody if the site has no login. */
export const needsLogin = createMiddleware<{ Variables: { userId: string } }>(async (c, next) => {
  if (!c.get('userId').startsWith('user:'))
    throw unauthorized('Send the JWT of a signed-in user: authorization: Bearer …')
  await next()
})

async function userIdOf(header: string, verifyJwt: JwtVerifier | undefined): Promise<string> {
  const [, token = ''] = /^bearer +(\S+)$/i.exec(header) ?? []
  if (visitorTokenFormat.test(token)) return visitorIdOf(token)
  if (verifyJwt === undefined) throw unauthorized('The credential is not a visitor token')
  return verifyJwt(token)
}
