import { describe, expect, test, vi } from 'vitest'
import { testDatabase } from '../rigs/conversation.ts'
import { useRig } from '../rigs/start-rig.ts'
import { expectSound } from '../rigs/stored-session.ts'

const db = testDatabase()

describe('while nobody listens at the port of the database', () => {
  const { rig, visitor } = useRig()
  const newTurn = (message: string) => ({ message, message_id: crypto.randomUUID() })

  test('a turn is a 503 with nothing spent, and runs when the database is back', async () => {
    const turn = newTurn('Hello')
    await rig.database.refuse()
    const problem = await visitor.expect(503, 'POST', '/v1/chat', turn)
    expect(problem).toMatchObject({ code: 'database_unavailable' })
    expect(rig.model.requests).toEqual([])
    await rig.database.listen()
    const { session_id, history } = await visitor.chat(turn)
    expect(history).toHaveLength(2)
    await expectSound(db, session_id)
  })

  test('from the first word to the last, a reply is still stored', async () => {
    const running = visitor.stream(newTurn('[[fault pace ms=300]] write 12 words'))
    const sent = (deltas: number) =>
      vi.waitUntil(() => rig.model.requests.at(-1)?.deltasSent === deltas, 20_000)
    await sent(1)
    await rig.database.refuse()
    await sent(12)
    await rig.database.listen()
    const [started, ...events] = await running
    const completed = events.at(-1)
    expect(completed?.event).toBe('turn.completed')
    const rows = await expectSound(db, started?.data.session_id)
    const { id, content } = completed?.data.reply ?? {}
    expect(rows.at(-1)).toMatchObject({ id, content, status: 'complete' })
  })
})
