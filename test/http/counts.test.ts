import { describe, expect, test } from 'vitest'
import { newVisitor } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { type SeededTurn, seedSession } from '../rigs/seed-session.ts'
import { useRig } from '../rigs/start-rig.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

/** A loaded machine may answer late, and a repeat would be counted. */
const { rig, visitor } = useRig({ DATABASE_TIMEOUT_MS: '30000', CONTEXT_MAX_TURNS: '20' })

const turn: SeededTurn = { status: 'complete', tokens: 20 }
const oneRoundTripEachSide = ['database', 'model', 'database']

async function seeded(turns: SeededTurn[]): Promise<string> {
  const sessionId = crypto.randomUUID()
  const userId = visitorIdOf(visitor.token ?? '')
  await seedSession(testDatabase(), { userId, sessionId }, turns)
  return sessionId
}

describe('a turn is one round trip to the database before the model and one after', () => {
  test('in a new session', async () => {
    rig.clear()
    await visitor.chat({ message: 'Hello' })
    expect(rig.timeline).toEqual(oneRoundTripEachSide)
  })

  test('for a new visitor, whose session is new too', async () => {
    const stranger = { ...(await newVisitor(rig.url)), token: undefined }
    rig.clear()
    await stranger.chat({ message: 'Hello' })
    expect(rig.timeline).toEqual(oneRoundTripEachSide)
  })

  test('when it is streamed', async () => {
    rig.clear()
    await visitor.stream({ message: 'Hello' })
    expect(rig.timeline).toEqual(oneRoundTripEachSide)
  })

  test.each([
    ['of 10 messages', Array.from({ length: 5 }, () => turn)],
    ['of 10,000 messages', Array.from({ length: 5_000 }, () => turn)],
    [
      'that ends with 5,000 failed replies',
      [
        turn,
        turn,
        ...Array.from({ length: 5_000 }, () => ({ ...turn, status: 'failed' as const })),
      ],
    ],
    ['that ends with a reply made anew 5,000 times', [turn, { ...turn, superseded: 5_000 }]],
  ])('in a session %s', async (_name, turns) => {
    const session_id = await seeded(turns)
    rig.clear()
    await visitor.stream({ session_id, message: 'Hello' })
    expect(rig.timeline).toEqual(oneRoundTripEachSide)
  })
})

describe('what a turn reads', () => {
  test('does not grow with the session, however long it is', async () => {
    const bytes = async (turns: number) => {
      const session_id = await seeded(Array.from({ length: turns }, () => turn))
      rig.clear()
      await visitor.stream({ session_id, message: 'Hello' })
      return rig.database.calls.reduce((sum, call) => sum + call.bytes, 0)
    }
    const short = await bytes(200)
    const long = await bytes(5_000)
    // Larger only by the digits of the `seq`s of 200 turns.
    expect(long).toBeLessThan(short * 1.1)
  })
})

describe('a request that is refused', () => {
  test('costs no round trip if its body is wrong, and one if its session is', async () => {
    rig.clear()
    await visitor.expect(400, 'POST', '/v1/chat', { message: '' })
    expect(rig.timeline).toEqual([])
    const session_id = crypto.randomUUID()
    await visitor.expect(404, 'POST', '/v1/chat', { message: 'Hello', session_id })
    expect(rig.timeline).toEqual(['database'])
  })
})
