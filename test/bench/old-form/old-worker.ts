import { neon, neonConfig } from '@neondatabase/serverless'
import { type BareEnv, type BareRequest, callModel, readReply } from '../bare-worker.ts'
import {
  beginParameters,
  decisionOf,
  finishParameters,
  newOldTurn,
  runBatch,
} from './old-statements.ts'

/** The texts of `begin-turn.sql` and `finish-turn.sql` are settings, because a Worker reads no files. */
interface OldEnv extends BareEnv {
  BEGIN_SQL: string
  FINISH_SQL: string
}

/** A bare Worker with the batches of commit 77e6131. */
// oxlint-disable-next-line import/no-default-export -- workerd reads it
export default {
  async fetch(request: Request, env: OldEnv): Promise<Response> {
    neonConfig.fetchEndpoint = env.NEON_HTTP_ENDPOINT
    const sql = neon(env.DATABASE_URL)
    const {
      session_id: sessionId,
      user_id: userId,
      message,
    } = (await request.json()) as BareRequest
    const turn = newOldTurn({ sessionId, userId }, message)
    const begun = decisionOf(await runBatch(sql, env.BEGIN_SQL, beginParameters(turn)))
    const answer = await callModel(env, [
      ...begun.window.flatMap((each) => [
        { role: 'user', content: each.message },
        { role: 'assistant', content: each.reply },
      ]),
      { role: 'user', content: message },
    ])
    const reply = await readReply(answer)
    await runBatch(sql, env.FINISH_SQL, finishParameters(turn, begun.windowFrom, reply))
    return Response.json({ reply })
  },
}
