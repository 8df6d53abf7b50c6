import { createMiddleware } from 'hono/factory'
import type { Deps } from '../../deps.ts'
import type { AppEnv } from '../app-env.ts'

export function withDeps(depsOf: (bindings: object) => Deps) {
  return createMiddleware<AppEnv>(async (c, next) => {
    c.set('deps', depsOf(c.env))
    await next()
  })
}
