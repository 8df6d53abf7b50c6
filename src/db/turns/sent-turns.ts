import type { LeftOut } from '../../protocol-receipt.ts'
import type { WindowTurn } from '../../turn/turn.ts'
import * as column from '../columns.ts'
import type { RowOf } from '../rows-of.ts'
import { tables } from '../schema.ts'

/** The common part of both receipts. */

/** A turn that is sent. */
export const turnColumns = {
  seq: column.integer,
  tokens: column.integer,
  exact: column.boolean,
  message: column.text,
  context_text: tables.messages.context_text,
  reply: column.text,
  reply_seq: column.integer,
}

export function toTurn({
  context_text: contextText,
  reply_seq: replySeq,
  ...row
}: RowOf<typeof turnColumns>): WindowTurn {
  return { ...row, contextText, replySeq }
}

/** Turns before the window, or replies that do not count. */
export interface LeftOutTurns extends Pick<LeftOut, 'from_seq' | 'to_seq' | 'turns'> {
  reason: 'window_starts_later' | 'older_than_window' | 'failed' | 'superseded' | 'running'
}

/** The columns that the function `turns_left_out` returns. */
export const leftOutColumns = {
  from_seq: column.integer,
  to_seq: column.integer,
  turns: column.integer,
  reason: column.oneOf<LeftOutTurns['reason']>(),
}

/** The prompt of the reply before. */
export interface PromptBefore {
  windowFrom: number | null
  recalledTokens: number
  systemTokens: number | null
  model: string | null
  /** `seq` of the message. */
  askedSeq: number
  messageTokens: number
  message: string
  contextText: string | null
}

/** The columns that the function `turn_before` returns. */
export const beforeColumns = {
  window_from: column.nullable(column.integer),
  recalled_tokens: column.integer,
  system_tokens: column.nullable(column.integer),
  model: column.nullable(column.text),
  asked_seq: column.integer,
  message_tokens: column.integer,
  message_content: column.text,
  message_context: column.nullable(column.text),
}

export function toPromptBefore(row: RowOf<typeof beforeColumns>): PromptBefore {
  return {
    windowFrom: row.window_from,
    recalledTokens: row.recalled_tokens,
    systemTokens: row.system_tokens,
    model: row.model,
    askedSeq: row.asked_seq,
    messageTokens: row.message_tokens,
    message: row.message_content,
    contextText: row.message_context,
  }
}
