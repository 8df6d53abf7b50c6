import { describe, expect, test } from 'vitest'
import { findReply } from '../../src/db/messages.ts'
import { findReplyGrowth } from '../../src/db/reply-growth.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { checkpointTurn } from '../../src/db/turns/finish-turn.ts'
import {
  expireLease,
  finish,
  newUserId,
  testDatabase,
  turnCheckpoint,
  turnStart,
} from '../rigs/conversation.ts'

const db = testDatabase()

/** A running turn that has stored this text. */
async function writing(content: string) {
  const start = turnStart()
  await beginTurn(db, start)
  if (content !== '') await checkpointTurn(db, start, turnCheckpoint({ content }))
  const { userId, sessionId, replyId: id } = start
  return { start, key: { userId, sessionId, id } }
}

describe('the growth of a reply', () => {
  test('is what follows the known code points, while it is being written', async () => {
    const text = 'a😀𠜎é👩‍👧e\u0301c'
    const { key } = await writing(text)
    const characters = Array.from(text)
    for (let known = 0; known <= characters.length + 2; known += 1)
      expect(await findReplyGrowth(db, key, known)).toEqual({
        more: characters.slice(known).join(''),
      })
  })

  test('is empty before the first checkpoint', async () => {
    const { key } = await writing('')
    expect(await findReplyGrowth(db, key, 0)).toEqual({ more: '' })
  })

  test('is the whole reply once it has ended', async () => {
    const ends = [
      { status: 'complete', content: 'Hello', finishReason: 'stop' },
      { status: 'interrupted', content: 'Hel', finishReason: null, errorCode: 'stopped' },
      { status: 'failed', content: '', finishReason: null, errorCode: 'model_timeout' },
    ] as const
    for (const end of ends) {
      const { start, key } = await writing('Hel')
      await finish(db, start, end)
      const growth = await findReplyGrowth(db, key, 3)
      expect(growth).toEqual({ ended: await findReply(db, key) })
      expect(growth).toMatchObject({ ended: { reply: { status: end.status } } })
    }
  })

  test('is the whole reply, interrupted, once its lease has expired', async () => {
    const { start, key } = await writing('Hel')
    await expireLease(db, start)
    expect(await findReplyGrowth(db, key, 1)).toMatchObject({
      ended: { reply: { content: 'Hel', status: 'interrupted' } },
    })
  })

  test("of another user's reply, of a message or of nothing is undefined", async () => {
    const { start, key } = await writing('Hel')
    for (const change of [
      { userId: newUserId() },
      { sessionId: crypto.randomUUID() },
      { id: start.messageId },
      { id: crypto.randomUUID() },
    ])
      expect(await findReplyGrowth(db, { ...key, ...change }, 0)).toBeUndefined()
  })
})
