import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { Problem } from '../errors.ts'

export const claim = new Hono<AppEnv>().post('/', () => {
  throw new Problem('not_found')
})
