import { sql } from 'kysely'
import type { Database } from '../../src/db/database.ts'
import type { TurnStart } from '../../src/turn/turn.ts'
import { turnStart } from './conversation.ts'
import { type SeededTurn, seedSession } from './seed-session.ts'

const turn: SeededTurn = { status: 'complete', tokens: 20 }
const failed: SeededTurn = { status: 'failed', tokens: 20 }

/** Sessions that must cost the same, however different they are: short, long, and with ends that do not count. */
export function unlikeSessions(longTurns: number): Record<string, SeededTurn[]> {
  return {
    'of 10 messages': Array.from({ length: 5 }, () => turn),
    [`of ${2 * longTurns} messages`]: Array.from({ length: longTurns }, () => turn),
    'that ends with 5,000 failed replies': [
      ...Array.from({ length: 40 }, () => turn),
      ...Array.from({ length: 5_000 }, () => failed),
    ],
    'that ends with a reply made anew 5,000 times': [
      ...Array.from({ length: 40 }, () => turn),
      { ...turn, superseded: 5_000 },
    ],
  }
}

/**
 * Writes the sessions among many others, in tables that are large enough for an index to pay.
 * @returns a turn in each session, by its name
 */
export async function seedUnlikeSessions(
  db: Database,
  sessions: Record<string, SeededTurn[]>,
  others: number,
): Promise<Map<string, TurnStart>> {
  const seeded = new Map<string, TurnStart>()
  for (const [name, turns] of Object.entries(sessions)) {
    const start = turnStart()
    await seedSession(db, start, turns)
    seeded.set(name, start)
  }
  const short = Array.from({ length: 5 }, () => turn)
  for (let other = 0; other < others; other += 1) await seedSession(db, turnStart(), short)
  await sql`
insert into sessions (id, user_id) select gen_random_uuid(), 'visitor:' || number
from generate_series(1, 20000) number`.execute(db.kysely)
  await sql`
insert into spending (day, payer, tokens)
select (now() at time zone 'UTC')::date - day, 'visitor:' || number, 1
from generate_series(0, 1) day, generate_series(1, 10000) number
on conflict do nothing`.execute(db.kysely)
  await sql`analyze sessions, messages, spending`.execute(db.kysely)
  return seeded
}
