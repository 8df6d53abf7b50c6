import { neon, neonConfig } from '@neondatabase/serverless'
import { type BareEnv, type BareRequest, callModel, readReply } from '../bare-worker.ts'
import { floorAfter, floorBefore } from './floor-statements.ts'

/** A chat by hand: one statement, the model, one statement. */
// oxlint-disable-next-line import/no-default-export -- workerd reads it
export default {
  async fetch(request: Request, env: BareEnv): Promise<Response> {
    neonConfig.fetchEndpoint = env.NEON_HTTP_ENDPOINT
    const sql = neon(env.DATABASE_URL)
    const {
      session_id: sessionId,
      user_id: userId,
      message,
    } = (await request.json()) as BareRequest
    const ids = [sessionId, userId, crypto.randomUUID(), message]
    const history = await sql.query(floorBefore, ids)
    const answer = await callModel(env, [
      ...history.map(({ role, content }) => ({ role: String(role), content: String(content) })),
      { role: 'user', content: message },
    ])
    const reply = await readReply(answer)
    const seq: unknown = history[0]?.['seq']
    await sql.query(floorAfter, [sessionId, seq, crypto.randomUUID(), reply])
    return Response.json({ reply })
  },
}
