import { type BenchSession, turn } from '../turn-form.ts'
import type { BenchDatabase } from './bench-server.ts'

/** Real turns at the beginning: the second is the first whose counts can be exact, as those of later turns are. */
const firstTurns = 2
/** Real turns at the end, so that all they record of the turns before them is true. */
const lastTurns = 3

/** A session with a history of `messageCount` messages, an even number. */
export async function seedSession(
  database: BenchDatabase,
  messageCount: number,
  session: BenchSession = newSession(),
): Promise<BenchSession> {
  const turnCount = messageCount / 2
  if (database.name === 'floor') await seedFloor(database, session, turnCount)
  else await seedTurns(database, session, turnCount)
  return session
}

export function newSession(): BenchSession {
  return { userId: `visitor:${crypto.randomUUID()}`, sessionId: crypto.randomUUID() }
}

export async function takeTurn({ form }: BenchDatabase, session: BenchSession): Promise<void> {
  const finish = await form.begin(session)
  await finish()
}

/** After so many rows: the planner knows them, and index-only scans need no table. */
export async function vacuum({ client }: BenchDatabase): Promise<void> {
  await client.query('vacuum analyze')
}

/** Real turns, then copies of the second, then real turns. */
async function seedTurns(database: BenchDatabase, session: BenchSession, turnCount: number) {
  const copies = Math.max(0, turnCount - firstTurns - lastTurns)
  for (let count = 0; count < turnCount; count += 1) {
    if (count === firstTurns && copies > 0) await copySecondTurn(database, session, copies)
    if (count < firstTurns || count >= firstTurns + copies) await takeTurn(database, session)
  }
}

/** Copies all columns that the schema has, except for the place in the session. */
async function copySecondTurn(
  { client }: BenchDatabase,
  { sessionId }: BenchSession,
  copies: number,
): Promise<void> {
  const { rows } = await client.query<{ column_name: string }>(`
    select column_name from information_schema.columns
    where table_schema = 'public' and table_name = 'messages' and is_generated = 'NEVER'`)
  const columns = rows.map(({ column_name: name }) => name)
  const values = columns.map((name) => valueOfCopy[name] ?? `turn.${name}`)
  await client.query(
    `insert into messages (${columns.join(', ')})
     select ${values.join(', ')} from messages turn, generate_series(1, $2::integer) number
     where session_id = $1 and seq between 3 and 4 order by number, seq`,
    [sessionId, copies],
  )
  await client.query('update sessions set next_seq = next_seq + 2 * $2::integer where id = $1', [
    sessionId,
    copies,
  ])
}

const valueOfCopy: Record<string, string> = {
  id: 'gen_random_uuid()',
  seq: 'turn.seq + 2 * number',
  reply_to: 'turn.reply_to + 2 * number',
}

async function seedFloor(
  { client }: BenchDatabase,
  { sessionId, userId }: BenchSession,
  turnCount: number,
): Promise<void> {
  await client.query('insert into sessions (id, user_id, next_seq) values ($1, $2, $3)', [
    sessionId,
    userId,
    2 * turnCount + 1,
  ])
  await client.query(
    `insert into messages (session_id, seq, id, role, content)
     select $1, 2 * number + part, gen_random_uuid(),
       case part when 1 then 'user' else 'assistant' end, case part when 1 then $3 else $4 end
     from generate_series(0, $2::integer - 1) number, generate_series(1, 2) part`,
    [sessionId, turnCount, turn.message, turn.reply],
  )
}
