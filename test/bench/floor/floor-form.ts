import type { NeonQueryFunction } from '@neondatabase/serverless'
import { turn, type TurnForm } from '../turn-form.ts'
import { floorAfter, floorBefore } from './floor-statements.ts'

/** One statement by hand before the model, one after it. */
export function floorForm(sql: NeonQueryFunction<false, false>): TurnForm {
  return {
    async begin({ sessionId, userId }) {
      const rows = await sql.query(floorBefore, [
        sessionId,
        userId,
        crypto.randomUUID(),
        turn.message,
      ])
      const seq: unknown = rows[0]?.['seq']
      if (typeof seq !== 'number') throw new Error('the floor found no history')
      return async () => {
        await sql.query(floorAfter, [sessionId, seq, crypto.randomUUID(), turn.reply])
      }
    },
  }
}
