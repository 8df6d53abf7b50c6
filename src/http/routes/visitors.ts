import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { newVisitorToken } from '../../auth/visitor-token.ts'
import { jsonBody, limitBody, requireJson } from '../validate.ts'
import { NoBody } from '../../protocol.ts'

/** A visitor needs no row: the token is all there is. */
export const visitors = new Hono<AppEnv>().post(
  '/',
  limitBody,
  requireJson,
  jsonBody(NoBody),
  (c) => c.json({ visitor_token: newVisitorToken() }, 201),
)
