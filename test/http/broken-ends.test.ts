import { expect, test } from 'vitest'
import { parseEvents } from '../rigs/client.ts'
import { useRig } from '../rigs/start-rig.ts'

const { visitor } = useRig()

/** Every view of a reply. */
async function views(sessionId: string, replyId: string) {
  const path = `/v1/sessions/${sessionId}/messages`
  const { data } = await visitor.expect(200, 'GET', `${path}?superseded=true`)
  const joined = await visitor.request('GET', `${path}/${replyId}/stream`)
  const exported = await (await visitor.request('GET', '/v1/export')).text()
  const lines = exported
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id?: string })
  return {
    listed: data.find(({ id }: { id: string }) => id === replyId),
    joined: parseEvents(await joined.text()).at(-1),
    exported: lines.find(({ id }) => id === replyId),
  }
}

test('a reply that broke off is complete in no view, also once it is superseded', async () => {
  const turn = {
    message: '[[fault finish reason=error after=3 times=1]] Hello',
    message_id: crypto.randomUUID(),
  }
  const { session_id, reply, history } = await visitor.chat(turn)
  const isBroken = { status: 'interrupted', content: reply.content }
  expect(reply).toMatchObject(isBroken)
  expect(history.at(-1)).toEqual(reply)
  const replayed = await visitor.stream(turn)
  const failed = { event: 'turn.failed', data: { code: 'model_unavailable', reply } }
  expect(replayed.at(-1)).toMatchObject(failed)
  const before = await views(session_id, reply.id)
  expect(before).toMatchObject({ listed: isBroken, joined: failed, exported: isBroken })

  await visitor.chat({ ...turn, session_id, regenerate: reply.id })
  const after = await views(session_id, reply.id)
  expect(after).toMatchObject({
    listed: { ...isBroken, status: 'superseded' },
    joined: { event: 'turn.failed', data: { code: 'model_unavailable' } },
    exported: { ...isBroken, status: 'superseded' },
  })
  for (const view of [reply, before.listed, before.exported, after.listed, after.exported])
    expect(view).not.toHaveProperty('finish_reason')
})

test.each([
  ['STOP', 'stop'],
  ['end_turn', 'stop'],
  ['MAX_TOKENS', 'length'],
  ['SAFETY', 'content_filter'],
  ['wholly_new', 'wholly_new'],
])('a regular end has the word of OpenAI, if there is one: %s', async (said, finish_reason) => {
  const { reply } = await visitor.chat({ message: `[[fault finish reason=${said}]] Hello` })
  expect(reply).toMatchObject({ status: 'complete', finish_reason })
})
