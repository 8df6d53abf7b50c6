import { expect, test, vi } from 'vitest'
import { newVisitor, parseEvents } from '../rigs/client.ts'
import { textOf } from '../rigs/doomed-turn.ts'
import { useRig } from '../rigs/start-rig.ts'
import { turnCall } from '../rigs/turn-call.ts'

const { rig } = useRig()

/** Runs a reply of some 15 s that so many clients join. @returns the kinds of its calls to the database */
async function callsOfJoined(joiners: number) {
  const visitor = await newVisitor(rig.url)
  const { id } = await visitor.expect(201, 'POST', '/v1/sessions', {})
  const message = `[[fault pace ms=50 id=${id}]] write 300 words`
  // Only the turn itself, and what its joiners cause, is sent with the id from here on.
  const from = rig.database.calls.length
  const own = visitor.stream({ session_id: id, message })
  const running = () =>
    rig.model.requests.find(({ messages }) => messages.at(-1)?.content === message)
  await vi.waitUntil(() => (running()?.deltasSent ?? 0) > 0, 20_000)
  const calls = () => rig.database.calls.slice(from).filter(({ body }) => body.includes(id))
  const [begin] = calls()
  const replyId = /"reply_id\\?":\\?"([0-9a-f-]{36})/.exec(begin?.body ?? '')?.[1]
  expect(replyId).toBeDefined()
  const path = `/v1/sessions/${id}/messages/${replyId}/stream`
  const joined = await Promise.all(
    Array.from({ length: joiners }, async () => {
      const response = await visitor.request('GET', path)
      return parseEvents(await response.text())
    }),
  )
  const [last] = (await own).slice(-1)
  expect(last?.event).toBe('turn.completed')
  for (const events of joined) {
    expect(textOf(events)).toBe(last?.data.reply.content)
    expect(events.at(-1)?.event).toBe('turn.completed')
  }
  return calls().map((call) => turnCall(call) ?? 'other')
}

test('a reply with 50 joiners, or with 200, makes the calls of one with none', async () => {
  const all = await Promise.all([0, 50, 200].map((joiners) => callsOfJoined(joiners)))
  const [none, some, many] = all.map((kinds) => kinds.filter((kind) => kind !== 'checkpoint'))
  expect(none).toEqual(['begin', 'finish'])
  expect(some).toEqual(none)
  expect(many).toEqual(none)
  // The number of checkpoints depends on the duration alone, which differs a little.
  const checkpoints = all.map((kinds) => kinds.filter((kind) => kind === 'checkpoint').length)
  expect(Math.max(...checkpoints) - Math.min(...checkpoints)).toBeLessThanOrEqual(1)
  expect(rig.model.requests).toHaveLength(3)
}, 120_000)
