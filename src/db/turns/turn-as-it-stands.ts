import { sql } from 'kysely'
import { currentStatus, type MessageRecord } from '../messages.ts'
import type { TurnStart } from './turn-start.ts'

/** What there is of a turn before it begins: its message, then the reply that stands for it. */
export function turnAsItStands({ sessionId, userId, messageId }: TurnStart) {
  return sql<MessageRecord>`
with message as (
  select m.* from messages m join sessions on sessions.id = m.session_id
  where m.session_id = ${sessionId} and m.id = ${messageId} and sessions.user_id = ${userId}
), turn as (
  select * from message
  union all
  select reply.* from message cross join lateral (
    select * from messages
    where session_id = ${sessionId} and status <> 'superseded' and seq > message.seq
    order by seq limit 1
  ) reply
)
select *, ${currentStatus} from turn order by seq`
}
