import * as z from 'zod'
import type { Metadata } from '../../protocol.ts'
import type { Payer } from '../../turn/turn.ts'
import type { MessageRecord } from '../messages.ts'

/**
 * The JSON that the functions of migrations/ return. The Worker trusts them and parses nothing: tests compare these schemas,
 * which refuse an unknown member, with real values.
 */

const text = z.string()
const integer = z.int()
const count = z.int().min(0)

/** What `message_json` makes. */
export const MessageJson: z.ZodType<MessageRecord> = z.strictObject({
  id: z.guid(),
  seq: integer,
  role: z.enum(['user', 'assistant']),
  content: text,
  current_status: z.enum(['complete', 'streaming', 'interrupted', 'failed', 'superseded']),
  context_text: text.nullable(),
  finish_reason: text.nullable(),
  error_code: text.nullable(),
  prompt_tokens: count.nullable(),
  completion_tokens: count.nullable(),
  rating: z.enum(['up', 'down']).nullable(),
  rating_comment: text.nullable(),
  metadata: z.custom<Metadata>((value) => typeof value === 'object' && value !== null),
  created_at: z.iso.datetime({ offset: true }),
})

/** A turn of the window, by place. */
const WindowTurn = z.tuple([
  integer.describe('seq of the message'),
  count.describe('tokens'),
  z.boolean().describe('whether the tokens are exact'),
  text.describe('the message'),
  text.nullable().describe('its context_text'),
  text.describe('the reply'),
  integer.describe('seq of the reply'),
])
export type WindowRecord = z.infer<typeof WindowTurn>

/** A turn that is recalled, by place. */
const RecalledTurn = z.tuple([
  z.guid().nullable().describe('the session, if it is another one'),
  integer.describe('seq of the message'),
  integer.describe('seq of the reply'),
  z.iso.datetime({ offset: true }).describe('when the reply began'),
  z.number().describe('score'),
  z.number().min(0).max(1).describe('share'),
  text.describe('the message'),
  text.nullable().describe('its context_text'),
  text.describe('the reply'),
])
export type RecalledRecord = z.infer<typeof RecalledTurn>

export const Begun = z.discriminatedUnion('verdict', [
  z.strictObject({
    verdict: z.literal('run'),
    message: MessageJson,
    reply_id: z.guid(),
    turns: z.array(WindowTurn),
    recalled: z.array(RecalledTurn),
    continued: MessageJson.nullable(),
    continued_tokens: count,
  }),
  z.strictObject({ verdict: z.literal('replay'), message: MessageJson, reply: MessageJson }),
  z.strictObject({ verdict: z.literal('running'), retry_after_ms: count }),
  z.strictObject({ verdict: z.literal('busy'), retry_after_ms: count, reply_id: z.guid() }),
  z.strictObject({
    verdict: z.literal('capped'),
    capped: z.enum(['user', 'address', 'site'] satisfies Payer['kind'][]),
    retry_after_ms: count,
  }),
  z.strictObject({ verdict: z.enum(['mismatch', 'not_last', 'not_found', 'ended']) }),
])

export const Finished = z.discriminatedUnion('outcome', [
  z.strictObject({
    outcome: z.literal('stored'),
    reply: MessageJson,
    history: z.strictObject({ messages: z.array(MessageJson), has_more: z.boolean() }).nullable(),
  }),
  z.strictObject({ outcome: z.literal('taken_over'), reply: z.null(), history: z.null() }),
  z.strictObject({ outcome: z.literal('session_deleted') }),
])

export const NextContext = z.strictObject({
  next_seq: integer,
  turns: z.array(WindowTurn),
  recalled: z.array(RecalledTurn),
  before: z
    .strictObject({
      window_from: integer.nullable(),
      recalled_tokens: count,
      system_tokens: count.nullable(),
      model: text.nullable(),
      asked_seq: integer,
      message_tokens: count,
      message_content: text,
      message_context: text.nullable(),
    })
    .nullable(),
  left_out: z.array(
    z.strictObject({
      from_seq: integer,
      to_seq: integer,
      turns: count,
      reason: z.enum([
        'window_starts_later',
        'older_than_window',
        'failed',
        'superseded',
        'running',
      ]),
    }),
  ),
})
