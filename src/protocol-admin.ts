import * as z from 'zod'
import { limits } from './limits.ts'
import { type Page, pageLimit, type Session } from './protocol.ts'
import { nonBlank } from './stored-text.ts'

/** The wire of the owner's routes. */

const day = z.iso.date().refine((value) => value >= '1970', 'must be 1970-01-01 or later')
/** A day, which stands for its beginning in UTC, or a time with an offset. */
const moment = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], 'must be a day or a time in ISO 8601')
  .transform((value) => new Date(value).toISOString())
  .refine((value) => value >= '1970', 'must be 1970-01-01 or later')

export const AdminSessionsQuery = z.strictObject({
  limit: pageLimit.default(limits.pageDefault),
  cursor: z.string().max(200).optional(),
  q: nonBlank(limits.titleChars).optional(),
  user_id: nonBlank(limits.userIdChars).optional(),
  since: moment.optional(),
  until: moment.optional(),
  rating: z.enum(['up', 'down']).optional(),
  status: z.enum(['complete', 'streaming', 'interrupted', 'failed', 'superseded']).optional(),
})

export const AdminUsageQuery = z.strictObject({
  by: z.enum(['day', 'user']).default('day'),
  user_id: nonBlank(limits.userIdChars).optional(),
  since: day.optional(),
  until: day.optional(),
  limit: pageLimit.default(limits.pageMax),
})

/** A session as the site's owner sees it. */
export interface AdminSession extends Session {
  user_id: string
  /** Superseded replies included. */
  message_count: number
}

/** A page of a search may be short, or empty, and still have a next one: a request looks at a bounded part of the messages. */
export interface AdminSessionsPage extends Page<AdminSession> {
  /**
   * With `q`, `rating` or `status`: all sessions whose last activity is later were searched, in this request and those
   * before it. ISO 8601; null at the end.
   */
  searched_until?: string | null
}

/** The spending of a day (with the number of users), or of a user. */
export interface UsageRow {
  day?: string
  users?: number
  user_id?: string
  /** As the caps count them. */
  tokens: number
  turns: number
  /** As the provider counted them. */
  prompt_tokens: number
  completion_tokens: number
  /** The part of `prompt_tokens` that the provider's cache held, as far as it reports it. */
  cached_tokens: number
}
