import { createMiddleware } from 'hono/factory'
import { timingSafeEqual } from 'hono/utils/buffer'
import { Problem } from '../../errors.ts'
import type { AppEnv } from '../app-env.ts'
import { identity } from './identity.ts'

/** Requires `ADMIN_TOKEN`. Without that setting, the owner's routes answer like routes that do not exist. */
export function ownerOnly() {
  const asElsewhere = identity()
  return createMiddleware<AppEnv>(async (c, next) => {
    const { adminToken } = c.get('deps').access
    if (adminToken === undefined)
      return asElsewhere(c, () => Promise.reject(new Problem('not_found')))
    const [, token = ''] = /^bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '') ?? []
    if (!(await timingSafeEqual(token, adminToken)))
      throw new Problem('unauthorized', { detail: 'Send authorization: Bearer <ADMIN_TOKEN>' })
    await next()
  })
}
