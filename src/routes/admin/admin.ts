import { Hono } from 'hono'
import type { AppEnv } from '../../app-env.ts'

/** The owner's side, behind `ADMIN_TOKEN`; without that setting these routes do not exist. */
export const admin = new Hono<AppEnv>()
