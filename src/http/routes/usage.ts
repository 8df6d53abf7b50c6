import { Hono } from 'hono'
import { spentToday } from '../../db/spending.ts'
import type { DailyUsage } from '../../protocol-usage.ts'
import { payersOf } from '../../turn/payers.ts'
import type { AppEnv } from '../app-env.ts'
import { callerOf } from '../caller.ts'
import { needsUser } from '../middleware/identity.ts'

const dayMs = 24 * 60 * 60 * 1_000

/** The rest of the day's allowance. A turn runs only if this covers the most that it may cost. */
export const usage = new Hono<AppEnv>().get('/', needsUser, async (c) => {
  const { db, settings } = c.get('deps')
  const payers = await payersOf(settings.dailyCaps, callerOf(c))
  const { day, spent } = await spentToday(db, payers)
  const left = payers.flatMap(({ maxTokens }, index) =>
    maxTokens === undefined ? [] : [Math.max(0, maxTokens - (spent[index]?.tokens ?? 0))],
  )
  return c.json({
    day,
    resets_at: new Date(Date.parse(day) + dayMs).toISOString(),
    tokens_used: spent[0]?.tokens ?? 0,
    cached_tokens: spent[0]?.cachedTokens ?? 0,
    tokens_limit: settings.dailyCaps.perUser ?? null,
    tokens_left: left.length > 0 ? Math.min(...left) : null,
  } satisfies DailyUsage)
})
