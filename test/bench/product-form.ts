import { createDatabase } from '../../src/db/database.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { finishTurn } from '../../src/db/turns/finish-turn.ts'
import { sentFrom, turnEnd, turnStart } from '../rigs/conversation.ts'
import { addressOf, type BenchSession, maxDailyTokens, turn, type TurnForm } from './turn-form.ts'

/** The product's own calls, whatever they send. */
export function productForm(connectionString: string): TurnForm {
  const db = createDatabase({ connectionString, timeoutMs: 20_000 })
  return {
    async begin(session) {
      const start = startOf(session)
      const begun = await beginTurn(db, start)
      if (begun.verdict !== 'run')
        throw new Error(`the product did not run the turn: ${begun.verdict}`)
      const windowFrom = begun.window[0]?.seq ?? begun.message.seq
      return async () => {
        const key = { ...start, replyId: begun.replyId }
        const finished = await finishTurn(db, key, endOf(windowFrom), { historyLimit: 0 })
        if (finished.outcome !== 'stored')
          throw new Error(`the product did not store the reply: ${finished.outcome}`)
      }
    },
  }
}

function startOf(session: BenchSession) {
  const { userId, sessionId } = session
  return turnStart({
    userId,
    sessionId,
    content: turn.message,
    title: turn.message,
    messageTokens: turn.messageTokens,
    leaseMs: turn.leaseMs,
    maxTokens: turn.maxTokens,
    payers: [
      { kind: 'user', name: userId, maxTokens: maxDailyTokens },
      { kind: 'address', name: addressOf(session), maxTokens: maxDailyTokens },
      { kind: 'site', name: 'site', maxTokens: maxDailyTokens },
    ],
    window: {
      maxTurns: turn.windowTurns,
      tokens: turn.windowTokens,
      overheadTokens: turn.overheadTokens,
      countedBy: turn.countedBy,
    },
  })
}

function endOf(windowFrom: number) {
  return turnEnd({
    content: turn.reply,
    model: turn.model,
    usage: turn.usage,
    spent: { ...turn.usage, cached_tokens: 0 },
    tokens: { message: turn.messageTokens, reply: turn.replyTokens },
    reportedReplyTokens: turn.replyTokens,
    messageBytes: Buffer.byteLength(turn.message),
    sent: sentFrom(windowFrom),
    overheadTokens: turn.overheadTokens,
    countedBy: turn.countedBy,
  })
}
