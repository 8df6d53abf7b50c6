import type { TurnKey } from '../../turn/turn.ts'
import * as column from '../columns.ts'
import type { Database } from '../database.ts'
import { callTurnFunction } from './turn-function.ts'

const abandoned = column.oneOf<'abandoned' | 'not_begun'>()

/**
 * Undoes a begin whose result is not known: if it was committed, its reply is failed, the session is free and the debit is
 * refunded; if it is still on its way, it will not run. Repeated, it finds nothing to abandon.
 * @param options.errorCode why: a code of the API
 */
export async function abandonTurn(
  db: Database,
  { sessionId, lease, payers }: Omit<TurnKey, 'replyId'>,
  options: { errorCode: string; timeoutMs?: number },
): Promise<'abandoned' | 'not_begun'> {
  const { errorCode, ...deadline } = options
  const request = {
    session_id: sessionId,
    lease,
    error_code: errorCode,
    payers: payers.map(({ name }) => name),
    spent_prompt_tokens: 0,
    spent_completion_tokens: 0,
  }
  return callTurnFunction(db, 'abandon_turn', request, { result: abandoned, ...deadline })
}
