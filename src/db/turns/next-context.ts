import type { RecalledTurn, WindowTurn } from '../../turn/turn.ts'
import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { rowsOf } from '../rows-of.ts'
import { type NextTurn, requestOfContext, toRecalledTurn, toWindowTurn } from './begin-turn.ts'
import { type LeftOutTurns, type PromptBefore, toPromptBefore } from './sent-turns.ts'
import { NextContext as NextContextJson } from './turn-json.ts'

/** The history that the model would be sent with the session's next message. */
export interface NextContext {
  /** The `seq` that the next message would get. */
  nextSeq: number
  /** Oldest first. */
  turns: WindowTurn[]
  /** Best first. */
  recalled: RecalledTurn[]
  /** Undefined in a session without a reply. */
  before: PromptBefore | undefined
  leftOut: LeftOutTurns[]
}

/**
 * What `beginTurn` would send for a message, by the same functions of the database. Nothing is stored.
 * @returns undefined if the user has no such session
 */
export async function findNextContext(
  db: Database,
  next: NextTurn,
): Promise<NextContext | undefined> {
  const query = rowsOf({ result: column.nullable(column.json(NextContextJson)) })`
select next_context(${JSON.stringify(requestOfContext(next))}) as result`.compile(db.kysely)
  const [[row]] = await db.batch([query])
  if (!row?.result) return undefined
  const { next_seq: nextSeq, turns, recalled, before, left_out: leftOut } = row.result
  return {
    nextSeq,
    turns: turns.map(toWindowTurn),
    recalled: recalled.map(toRecalledTurn),
    before: before ? toPromptBefore(before) : undefined,
    leftOut,
  }
}
