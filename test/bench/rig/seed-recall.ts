import type { Database } from '../../../src/db/database.ts'
import { beginTurn } from '../../../src/db/turns/begin-turn.ts'
import { countTokens } from '../../../src/turn/tokens/token-count.ts'
import type { Begun, RecallLimits } from '../../../src/turn/turn.ts'
import { longConversation } from '../../generators/long-conversation.ts'
import { finish, sentFrom, turnStart } from '../../rigs/conversation.ts'
import type { BenchSession } from '../turn-form.ts'
import type { BenchDatabase } from './bench-server.ts'
import { newSession } from './seed-history.ts'

const [spoken = { message: '', reply: '' }] = longConversation(1, { seed: 1 })
const tokens = { message: countTokens(spoken.message), reply: countTokens(spoken.reply) }

/** Room as the default settings leave it. */
const window = { maxTurns: 200, tokens: 6_700, overheadTokens: 8, countedBy: 'bench-model#1' }

/** Distinct words of a conversation; about as many as a book has. */
const words = 20_000
/** Stop words are no terms. */
const mostCommon = 20
const drawsOfTurn = 80
const termsOfMessage = 15
const termsOfQuery = 8

/** The terms of a message: half of them from an older turn, as if the message asked about that one. */
export async function termsOfNext(
  { client }: BenchDatabase,
  { sessionId }: BenchSession,
): Promise<number[]> {
  const { rows } = await client.query<{ terms: number[] }>(
    `select (salted_terms(terms, session_id))[1:$2] as terms from messages
     where session_id = $1 and seq = (
       select 2 * (1 + floor(random() * next_seq / 3)::integer) from sessions where id = $1)`,
    [sessionId, termsOfQuery / 2],
  )
  const drawn = Array.from({ length: termsOfQuery / 2 }, () => termOf(drawWord()))
  return [...new Set([...(rows[0]?.terms ?? []), ...drawn])]
}

/** Begins a turn whose message has these terms. */
export async function beginWithRecall(
  db: Database,
  session: BenchSession,
  { recallTokens, terms }: { recallTokens: number; terms: readonly number[] },
): Promise<{ begun: Extract<Begun, { verdict: 'run' }>; end: () => Promise<void> }> {
  const recall: RecallLimits = { tokens: recallTokens, terms, borrows: true, scope: 'session' }
  const start = turnStart({
    ...session,
    content: spoken.message,
    messageTokens: tokens.message,
    window,
    recall,
  })
  const begun = await beginTurn(db, start)
  if (begun.verdict !== 'run') throw new Error(`the turn did not run: ${begun.verdict}`)
  const { window: turns } = begun
  const turnTerms = Array.from({ length: drawsOfTurn }, () => termOf(drawWord()))
  async function end() {
    await finish(db, start, {
      content: spoken.reply,
      tokens,
      terms: [...new Set(turnTerms)],
      messageTerms: termsOfMessage,
      sent: sentFrom(turns[0]?.seq ?? 1),
      countedBy: window.countedBy,
    })
  }
  return { begun, end }
}

/** The word of rank r is drawn with a probability of 1 / r: Zipf's law. */
function drawWord(): number {
  return Math.floor(mostCommon * (words / mostCommon) ** Math.random())
}

/** As `termSql` of the seed. */
function termOf(word: number): number {
  return Math.imul(word, 0x9e3779b1)
}

/** A session of `messageCount` messages. All turns have the same texts, and each has terms of its own. */
export async function seedRecall(
  db: Database,
  { client }: BenchDatabase,
  messageCount: number,
): Promise<BenchSession> {
  const session = newSession()
  const { end } = await beginWithRecall(db, session, { recallTokens: 0, terms: [] })
  await end()
  const copies = messageCount / 2 - 1
  const { rows } = await client.query<{ column_name: string }>(`
    select column_name from information_schema.columns
    where table_schema = 'public' and table_name = 'messages' and is_generated = 'NEVER'`)
  const columns = rows.map(({ column_name: name }) => name)
  const values = columns.map((name) => valueOfCopy[name] ?? `turn.${name}`)
  await client.query(
    `insert into messages (${columns.join(', ')})
     select ${values.join(', ')} from messages turn, generate_series(1, $2::integer) number
     where session_id = $1 and seq between 1 and 2 order by number, seq`,
    [session.sessionId, copies],
  )
  await client.query('update sessions set next_seq = next_seq + 2 * $2::integer where id = $1', [
    session.sessionId,
    copies,
  ])
  return session
}

/** Multiplies modulo 2^32, as `termOf`, and makes it signed. */
const termSql = `(((floor(${mostCommon} * power(${words / mostCommon}, random()))::bigint * 2654435761)
  & 4294967295)::bit(32)::integer)`

const valueOfCopy: Record<string, string> = {
  id: 'gen_random_uuid()',
  seq: 'turn.seq + 2 * number',
  reply_to: 'turn.reply_to + 2 * number',
  terms: `case when turn.role = 'assistant' then salted_terms(array(
    select distinct ${termSql} from generate_series(1, ${drawsOfTurn}) where number is not null), turn.session_id) end`,
}
