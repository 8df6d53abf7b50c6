import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'
import type { Deps } from '../deps.ts'

/** Makes the deps at the first request of an isolate: a wrong setting is told at each request until it is mended. */
export function withDeps(createDeps: (bindings: unknown) => Deps) {
  const made = new WeakMap<object, Deps>()
  return createMiddleware<AppEnv>(async (c, next) => {
    const bindings = c.env as object
    const deps = made.get(bindings) ?? createDeps(bindings)
    made.set(bindings, deps)
    c.set('deps', deps)
    await next()
  })
}
