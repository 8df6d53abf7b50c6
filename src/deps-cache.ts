import type { Deps } from './deps.ts'

/**
 * Deps that are made once in an isolate, at its first request or cron run. A wrong setting is told each time until it
 * is mended.
 */
export function cachedDeps(createDeps: (bindings: unknown) => Deps): (bindings: object) => Deps {
  const made = new WeakMap<object, Deps>()
  return (bindings) => {
    const deps = made.get(bindings) ?? createDeps(bindings)
    made.set(bindings, deps)
    return deps
  }
}
