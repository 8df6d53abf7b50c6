import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../app-env.ts'

export function origins() {
  return createMiddleware<AppEnv>((_c, next) => next())
}
