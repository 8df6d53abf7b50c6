import { expect, test } from 'vitest'
import { problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'

const { rig, visitor } = useRig()

/** A message to which the model says that the conversation is too long: each time, or only the first time. */
const tooLong = (times = '') => `[[fault context-length over=0${times}]] write 40 words`
const once = ' times=1'

/** A session of so many turns. */
async function talk(turns: number): Promise<string> {
  const { session_id } = await visitor.chat({ message: 'Turn 1: write 20 words' })
  for (let turn = 2; turn <= turns; turn += 1)
    await visitor.chat({ session_id, message: `Turn ${turn}: write 20 words` })
  rig.clear()
  return session_id
}

const prompts = () => rig.model.requests.map(({ messages }) => messages)

test('a conversation that is too long is sent once more, with the newest 60 % of the window', async () => {
  const session_id = await talk(5)
  const { reply } = await visitor.chat({ session_id, message: tooLong(once) })
  expect(reply.status).toBe('complete')
  const [first = [], second = []] = prompts()
  expect(first).toHaveLength(12)
  expect([6, 8]).toContain(second.length)
  expect(second).toEqual([first[0], ...first.slice(1 - second.length)])
  expect(rig.timeline).toEqual(['database', 'model', 'model', 'database'])
})

test('a stream is sent once more too, and none of it is sent twice', async () => {
  const session_id = await talk(3)
  const events = await visitor.stream({ session_id, message: tooLong(once) })
  const text = events.map(({ data }) => data.text ?? '').join('')
  expect(events.at(-1)).toMatchObject({
    event: 'turn.completed',
    data: { reply: { content: text, status: 'complete' } },
  })
  expect(prompts()).toHaveLength(2)
})

test('the turn fails if the shorter window is too long as well', async () => {
  const session_id = await talk(3)
  const response = await visitor.request('POST', '/v1/chat', { session_id, message: tooLong() })
  expect(await problemOf(response)).toMatchObject({ code: 'model_context_exceeded', status: 502 })
  expect(prompts()).toHaveLength(2)
})

test('without history there is nothing to shorten, and no second call', async () => {
  const response = await visitor.request('POST', '/v1/chat', { message: tooLong() })
  expect((await problemOf(response)).code).toBe('model_context_exceeded')
  expect(prompts()).toHaveLength(1)
})
