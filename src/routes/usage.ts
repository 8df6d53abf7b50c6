import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../errors.ts'

export const usage = new Hono<AppEnv>().get('/', () => {
  throw new Problem('not_found')
})
