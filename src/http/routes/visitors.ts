import { Hono } from 'hono'
import { newVisitorToken } from '../../auth/visitor-token.ts'
import { NoBody } from '../../protocol.ts'
import type { AppEnv } from '../app-env.ts'
import { jsonBody } from '../json.ts'

/** Stores nothing: a visitor is nothing but the token. */
export const visitors = new Hono<AppEnv>().post('/', jsonBody(NoBody), (c) =>
  c.json({ visitor_token: newVisitorToken() }, 201),
)
