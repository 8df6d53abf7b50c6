import type { Deps } from './deps.ts'

/**
 * Makes the deps once in an isolate, at its first request or cron run. If a setting is wrong, every request reports it
 * until it is corrected.
 */
export function cachedDeps(createDeps: (bindings: unknown) => Deps): (bindings: object) => Deps {
  const made = new WeakMap<object, Deps>()
  return (bindings) => {
    const deps = made.get(bindings) ?? createDeps(bindings)
    made.set(bindings, deps)
    return deps
  }
}
