import { expect, test, vi } from 'vitest'
import { testDatabase } from '../rigs/conversation.ts'
import { useRig } from '../rigs/start-rig.ts'
import { storedMessages } from '../rigs/stored-session.ts'
import { turnCall } from '../rigs/turn-call.ts'

const db = testDatabase()
const { rig, visitor } = useRig()

test('a checkpoint that reaches the database after the finish changes nothing', async () => {
  const { id: sessionId } = await visitor.expect(201, 'POST', '/v1/sessions', {})
  const goOn = Promise.withResolvers<undefined>()
  rig.database.fault = (call) => (turnCall(call) === 'checkpoint' ? goOn.promise : undefined)
  const checkpoints = () => rig.database.calls.filter((call) => turnCall(call) === 'checkpoint')

  // The first checkpoint comes after 2 s, and the last of the words soon after it.
  const message = '[[fault pace ms=65]] write 40 words'
  const { reply } = await visitor.chat({ session_id: sessionId, message })
  expect(reply.status).toBe('complete')
  expect(checkpoints()).toHaveLength(1)
  const finished = await storedMessages(db, sessionId)
  expect(finished[1]).toMatchObject({ status: 'complete', content: reply.content })

  goOn.resolve(undefined)
  await vi.waitUntil(() => checkpoints().every(({ bytes }) => bytes > 0), 10_000)
  expect(await storedMessages(db, sessionId)).toEqual(finished)
})
