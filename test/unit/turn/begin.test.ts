import { expect, test } from 'vitest'
import { createDatabase, type Database } from '../../../src/db/database.ts'
import { begin } from '../../../src/turn/begin.ts'
import { turnStart } from '../../rigs/conversation.ts'

const running = crypto.randomUUID()
const busy = { verdict: 'busy', retry_after_ms: 900, reply_id: running }
const mismatch = { verdict: 'mismatch' }

const { kysely } = createDatabase({
  connectionString: 'postgresql://nobody:none@db.example.com/none',
  timeoutMs: 8_000,
})

/** A database that gives these answers to the begins of a turn, and records their leases. */
function answering(...answers: object[]) {
  const leases: string[] = []
  const single = async ({ parameters: [json] }: { parameters: string[] }) => {
    leases.push(JSON.parse(json!).lease)
    return [{ result: answers.shift() }]
  }
  return { leases, db: { single, timeoutMs: 8_000, kysely } as unknown as Database }
}

function refusedBy(db: Database, endUnwatched?: (replyId: string) => Promise<boolean>) {
  const work: Promise<void>[] = []
  return begin(db, turnStart(), { waitUntil: (each) => void work.push(each), endUnwatched })
}

test('a busy session is tried once more after its unwatched reply has ended', async () => {
  const { db, leases } = answering(busy, mismatch)
  const asked: string[] = []
  const turn = refusedBy(db, async (replyId) => {
    asked.push(replyId)
    return true
  })
  await expect(turn).rejects.toMatchObject({ code: 'message_mismatch' })
  expect(asked).toEqual([running])
  expect(leases).toHaveLength(2)
  expect(leases[1]).toBe(leases[0])
})

test('a session that is busy again is not tried a third time', async () => {
  const { db, leases } = answering(busy, busy, mismatch)
  await expect(refusedBy(db, async () => true)).rejects.toMatchObject({ code: 'session_busy' })
  expect(leases).toHaveLength(2)
})

test.each([
  ['somebody watches the running reply', busy, () => Promise.resolve(false)],
  ['no reply can be ended', busy, undefined],
  [
    'the database does not tell which reply runs',
    { ...busy, reply_id: undefined },
    () => Promise.resolve(true),
  ],
])('a busy session stays busy if %s', async (_, answer, endUnwatched) => {
  const { db, leases } = answering(answer, mismatch)
  await expect(refusedBy(db, endUnwatched)).rejects.toMatchObject({ code: 'session_busy' })
  expect(leases).toHaveLength(1)
})

test('a turn that runs already is refused at once, whoever watches it', async () => {
  const { db, leases } = answering({ verdict: 'running', retry_after_ms: 900 }, mismatch)
  await expect(refusedBy(db, async () => true)).rejects.toMatchObject({ code: 'turn_running' })
  expect(leases).toHaveLength(1)
})
