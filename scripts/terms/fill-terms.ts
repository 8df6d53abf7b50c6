import { setTimeout as sleep } from 'node:timers/promises'
import { turnTerms } from '../../src/turn/recall/terms.ts'
import type { MigrationClient } from '../migrate/migration-client.ts'
import { MigrationError } from '../migrate/migration-error.ts'

export interface FillOptions {
  log: (line: string) => void
  /** Stops between two batches. */
  signal: AbortSignal
  batchTurns?: number
  /** Before rows that were in use are tried again. */
  pauseMs?: number
}

export interface Filled {
  written: number
  /** How many turns have no terms now. */
  left: number
}

const batchTurns = 500
const maxPasses = 5
const logMs = 2_000

/** The index messages_window has these rows. A reply without text has no terms. */
const isWithoutTerms = `m.role = 'assistant' and m.status in ('complete', 'interrupted') and m.terms is null and m.content <> ''`

interface StoredTurn {
  session_id: string
  id: string
  seq: number
  message: string
  context_text: string | null
  reply: string
}

interface Place {
  sessionId: string
  seq: number
}

/**
 * Writes the terms of turns that were stored without them. Each batch is one statement that waits for no row: a row that is
 * in use is passed over and tried again in the next pass. So it never delays a turn or an erasure for longer than one such
 * statement, and two runs at once do no harm.
 */
export async function fillTerms(
  client: MigrationClient,
  { log, signal, batchTurns: limit = batchTurns, pauseMs = 1_000 }: FillOptions,
): Promise<Filled> {
  await requireTerms(client)
  let left = await countLeft(client)
  if (left === 0) return { written: 0, left }
  log(`${left} turns have no terms`)
  const total = left
  const startedAt = performance.now()
  let loggedAt = startedAt
  let written = 0
  for (let pass = 1; pass <= maxPasses && left > 0 && !signal.aborted; pass++) {
    if (pass > 1) await sleep(pauseMs)
    let after: Place | undefined = { sessionId: '00000000-0000-0000-0000-000000000000', seq: 0 }
    while (after !== undefined && !signal.aborted) {
      const turns = await readTurns(client, after, limit)
      written += await writeTerms(client, turns)
      after = placeOf(turns.at(-1))
      if (performance.now() - loggedAt > logMs) {
        loggedAt = performance.now()
        log(progress(written, total, loggedAt - startedAt))
      }
    }
    left = await countLeft(client)
  }
  return { written, left }
}

function progress(written: number, total: number, ms: number): string {
  return `${written} of ${total} turns, ${Math.round((1_000 * written) / ms)} a second`
}

function placeOf(turn: StoredTurn | undefined): Place | undefined {
  return turn && { sessionId: turn.session_id, seq: turn.seq }
}

async function requireTerms(client: MigrationClient): Promise<void> {
  const { rows } = await client.query(
    "select to_regprocedure('salted_terms(integer[], uuid)') is not null as exists",
  )
  if (rows[0]?.['exists'] !== true)
    throw new MigrationError('the database has no terms yet: run npm run migrate first')
}

async function countLeft(client: MigrationClient): Promise<number> {
  const { rows } = await client.query(
    `select count(*)::integer as count from messages m where ${isWithoutTerms}`,
  )
  return Number(rows[0]?.['count'])
}

async function readTurns(
  client: MigrationClient,
  after: Place,
  limit: number,
): Promise<StoredTurn[]> {
  const { rows } = await client.query(
    `select m.session_id, m.id, m.seq, coalesce(asked.message, '') as message, asked.context_text,
      left(m.content, 8000) as reply
    from messages m
    left join lateral (
      select left(u.content, 8000) as message, left(u.context_text, 8000) as context_text
      from messages u
      where u.session_id = m.session_id and u.seq = m.reply_to and u.status <> 'superseded'
      limit 1
    ) asked on true
    where ${isWithoutTerms} and (m.session_id, m.seq) > ($1::uuid, $2::integer)
    order by m.session_id, m.seq limit $3`,
    [after.sessionId, after.seq, limit],
  )
  return rows as unknown as StoredTurn[]
}

/**
 * Locks what nobody else has locked, and writes it if it still has no terms. The statement waits for no row, so it cannot
 * be a part of a deadlock.
 * @returns how many turns were written
 */
async function writeTerms(client: MigrationClient, turns: readonly StoredTurn[]): Promise<number> {
  if (turns.length === 0) return 0
  const batch = turns.map(({ session_id, id, message, context_text, reply }) => {
    const { terms, messageTerms } = turnTerms(message, context_text, reply)
    return { session_id, id, terms, message_terms: messageTerms }
  })
  const { rows } = await client.query(
    `with batch as materialized (
      select * from json_to_recordset($1) as b (session_id uuid, id uuid, terms integer[], message_terms smallint)
    ), free as materialized (
      select m.session_id, m.id from batch b join messages m on m.session_id = b.session_id and m.id = b.id
      where ${isWithoutTerms}
      for no key update of m skip locked
    ), written as (
      update messages m set terms = salted_terms(b.terms, b.session_id), message_terms = b.message_terms
      from free join batch b on b.session_id = free.session_id and b.id = free.id
      where m.session_id = b.session_id and m.id = b.id and ${isWithoutTerms}
      returning 1
    )
    select count(*)::integer as count from written`,
    [JSON.stringify(batch)],
  )
  return Number(rows[0]?.['count'])
}
