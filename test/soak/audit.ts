import type { Client } from 'pg'
import type { LedgerEntry } from './ask-until-answered.ts'

/** Records when each reply was stored, by the clock of the database. */
export const auditTrail = `
create table stored_replies (session_id uuid, reply_to integer, stored_at timestamptz not null default clock_timestamp());
create function note_stored_reply() returns trigger language plpgsql as $$
begin
  insert into stored_replies (session_id, reply_to) values (new.session_id, new.reply_to);
  return null;
end $$;
create trigger stored_reply after update of status on messages for each row
  when (old.status = 'streaming' and new.status in ('complete', 'interrupted'))
  execute function note_stored_reply();
`

/** What must be 0. */
export interface Audit {
  /** Accepted messages that are not stored as they were sent. */
  lost: number
  /** Duplicate messages or replies, messages without a reply, sessions with a gap in `seq`. */
  duplicated: number
  /** Replies that are still `streaming` although nobody runs them. */
  leftStreaming: number
  /** Calls to the model for a message whose reply was stored already. */
  paidTwice: number
  /** Final answers that differ from the stored reply. */
  different: number
}

interface Row {
  session_id: string
  seq: number
  id: string
  role: string
  status: string
  content: string
  reply_to: number | null
  stored_at: Date | null
}

/**
 * Compares what is stored with what the clients know.
 * @param calls when the model was called, by message; milliseconds since 1970
 */
export async function audit(
  database: Client,
  ledger: readonly LedgerEntry[],
  calls: ReadonlyMap<string, number[]>,
): Promise<Audit> {
  const { rows } = await database.query<Row>(`
select m.session_id, m.seq, m.id, m.role, m.status, m.content, m.reply_to, stored_at
from messages m left join lateral (
  select min(stored_at) as stored_at from stored_replies r
  where r.session_id = m.session_id and r.reply_to = m.seq
) stored on true
order by m.session_id, m.seq`)
  const messages = Map.groupBy(
    rows.filter(({ role }) => role === 'user'),
    ({ id }) => id,
  )
  const replies = Map.groupBy(
    rows.filter(({ role }) => role === 'assistant'),
    (row) => `${row.session_id} ${row.reply_to}`,
  )
  const repliesTo = (row: Row) => replies.get(`${row.session_id} ${row.seq}`) ?? []
  const sum = (count: (entry: LedgerEntry) => number) =>
    ledger.reduce((total, entry) => total + count(entry), 0)
  const stored = ({ messageId }: LedgerEntry) => messages.get(messageId) ?? []
  const bySession = Map.groupBy(rows, ({ session_id }) => session_id)
  const gaps = [...bySession.values()].filter((all) => all.some((row, at) => row.seq !== at + 1))

  return {
    lost: sum((entry) => {
      const isThere = stored(entry).some(({ content }) => content === entry.message)
      return entry.isAccepted && !isThere ? 1 : 0
    }),
    duplicated:
      gaps.length +
      sum((entry) => {
        const copies = stored(entry)
        return (
          Math.max(0, copies.length - 1) +
          copies.filter((row) => repliesTo(row).length !== 1).length
        )
      }) +
      new Set(messages.keys()).size -
      new Set(ledger.map(({ messageId }) => messageId).filter((id) => messages.has(id))).size,
    leftStreaming: rows.filter(({ status }) => status === 'streaming').length,
    paidTwice: sum((entry) => {
      const storedAt = stored(entry)[0]?.stored_at?.getTime() ?? Infinity
      return calls.get(entry.message)?.filter((calledAt) => calledAt > storedAt).length ?? 0
    }),
    different: sum(({ reply, ...entry }) => {
      const [row] = stored({ ...entry }).flatMap(repliesTo)
      const isSame = reply?.id === row?.id && reply?.content === row?.content
      return reply === undefined || (isSame && reply.status === row?.status) ? 0 : 1
    }),
  }
}
