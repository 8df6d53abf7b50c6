import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../errors.ts'

export const me = new Hono<AppEnv>().delete('/', () => {
  throw new Problem('not_found')
})
