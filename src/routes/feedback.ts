import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../errors.ts'

export const feedback = new Hono<AppEnv>().put('/', () => {
  throw new Problem('not_found')
})
