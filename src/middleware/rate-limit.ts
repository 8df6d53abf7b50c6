import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'

export function rateLimit() {
  return createMiddleware<AppEnv>((_c, next) => next())
}
