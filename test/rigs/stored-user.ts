import type { Database } from '../../src/db/database.ts'

/** Every stored row of a user, read past the API. */
export async function storedUser({ kysely }: Database, userId: string) {
  const sessions = await kysely
    .selectFrom('sessions')
    .selectAll()
    .where('user_id', '=', userId)
    .orderBy('id')
    .execute()
  const messages = await kysely
    .selectFrom('messages')
    .innerJoin('sessions', 'sessions.id', 'messages.session_id')
    .selectAll('messages')
    .where('sessions.user_id', '=', userId)
    .orderBy('messages.session_id')
    .orderBy('messages.seq')
    .execute()
  const spending = await kysely
    .selectFrom('spending')
    .selectAll()
    .where('payer', '=', userId)
    .orderBy('day')
    .execute()
  return { sessions, messages, spending }
}
