import { expect, test } from 'vitest'
import { runTurn } from '../../../../src/widget/client/run-turn.ts'
import { createSiteStore } from '../../../../src/widget/client/site-store.ts'
import {
  completed,
  delta,
  dropped,
  events,
  failedTurn,
  refused,
  setUpScriptedApi,
  started,
  steps,
  storeWith,
  turn,
  whole,
} from '../../../rigs/scripted-api.ts'

const serve = setUpScriptedApi()

test('before the first turn the client gets a token, and later turns name token and session', async () => {
  const { run, seen, store } = await serve([whole])
  expect(steps(await run())).toEqual(['accepted', 'Hi', 'Hi you', 'completed'])
  await run({ id: 'm2', message: 'And?' })
  expect(seen.map(({ route }) => route)).toEqual([
    'POST /v1/visitors',
    'POST /v1/chat',
    'POST /v1/chat',
  ])
  expect(seen[1]?.body).toEqual({ message_id: turn.id, message: 'Hello' })
  expect(seen[2]?.body).toEqual({ message_id: 'm2', message: 'And?', session_id: 's1' })
  expect(seen[1]?.headers).toMatchObject({
    authorization: 'Bearer vst_1',
    accept: 'text/event-stream',
  })
  expect([store.get('token'), store.get('session')]).toEqual(['vst_1', 's1'])
})

test('if another tab stores a token first, the client uses that one', async () => {
  const store = createSiteStore('')
  const { run, chats } = await serve([whole], {
    store: {
      ...store,
      get: (name) => store.get(name),
      set: (name, value) => store.set(name, value),
    },
    fetch: async (input, init) => {
      const response = await fetch(input, init)
      if (response.status === 201) store.set('token', 'vst_other_tab')
      return response
    },
  })
  await run()
  expect(chats()[0]?.headers.authorization).toBe('Bearer vst_other_tab')
})

test('text that turns out to be thinking is taken back', async () => {
  const { run } = await serve([
    events(started, delta('Let me see.'), delta('Hi'), delta(' you', 'Hi'), completed),
  ])
  expect(steps(await run())).toEqual(['accepted', 'Let me see.', 'Hi', 'Hi you', 'completed'])
})

test('text that turns out to be thinking is not in the place at which a lost reply is joined', async () => {
  const thinking = 'event: turn.thinking\ndata: {}\n\n'
  const { run, joins } = await serve([
    dropped(started, delta('Let me see.'), thinking),
    events(delta('Hi you'), completed),
  ])
  expect(steps(await run())).toContain('Hi you')
  expect(joins()).toEqual([0])
})

test('a running reply is joined without sending the turn again', async () => {
  const store = storeWith({ token: 'vst_0', session: 's1' })
  const { run, chats, joins } = await serve([events(delta(' you', 'Hi'), completed)], { store })
  expect(steps(await run(turn, { id: 'r', content: 'Hi' }))).toEqual([
    'joined',
    'Hi you',
    'completed',
  ])
  expect([joins(), chats()]).toEqual([[2], []])
})

test('if a stream cannot be joined, the turn is sent again and its text starts from the beginning', async () => {
  const { run, chats } = await serve([
    dropped(started, delta('Hi')),
    refused(405, 'method_not_allowed'),
    whole,
  ])
  expect(steps(await run())).toEqual([
    'accepted',
    'Hi',
    'reconnecting',
    'accepted',
    'Hi',
    'Hi you',
    'completed',
  ])
  expect(chats().map(({ body }) => body['session_id'])).toEqual([undefined, 's1'])
})

test('if the Worker died and stored nothing of the reply, the turn is sent again, once', async () => {
  const dead = events(failedTurn({ code: 'interrupted', status: 502, retryable: true }))
  const { run, chats } = await serve([dropped(started), dead, whole])
  expect(steps(await run())).toContain('completed')
  expect(chats()).toHaveLength(2)

  const again = await serve([dropped(started), dead, dropped(started), dead])
  expect((await again.run()).at(-1)).toMatchObject({
    type: 'failed',
    failure: { code: 'interrupted' },
  })
  expect(again.chats()).toHaveLength(2)
})

test('a turn that fails in its stream is not retried automatically', async () => {
  const failed = failedTurn({ code: 'model_timeout', status: 504, retryable: true })
  const { run, chats } = await serve([events(started, failed)])
  expect(await run()).toMatchObject([
    { type: 'accepted' },
    { type: 'failed', failure: { code: 'model_timeout', retryable: true } },
  ])
  expect(chats()).toHaveLength(1)
})

test('a thinking model is reported, and an event that this version does not know changes nothing', async () => {
  const thinking = 'event: turn.thinking\ndata: {}\n\n'
  const unknown = 'event: turn.dreaming\ndata: not JSON\n\nevent: message\ndata: {"text":"x"}\n\n'
  const { run, chats, joins } = await serve([
    dropped(started, thinking, unknown),
    dropped(unknown, delta('Hi'), unknown),
    events(delta(' you', 'Hi'), unknown, completed),
  ])
  expect(steps(await run())).toEqual([
    'accepted',
    'thinking',
    'reconnecting',
    'joined',
    'Hi',
    'reconnecting',
    'joined',
    'Hi you',
    'completed',
  ])
  // These events have no place in the text.
  expect([chats().length, joins()]).toEqual([1, [0, 2]])
})

test('after the abort there are no more updates and no more requests', async () => {
  const { client, chats } = await serve([dropped(started, delta('Hi'))])
  const stop = new AbortController()
  const updates: string[] = []
  const run = { signal: stop.signal, sleep: async () => stop.abort() }
  for await (const { type } of runTurn(client, turn, run)) updates.push(type)
  expect(updates).toEqual(['accepted', 'text', 'waiting'])
  expect(chats()).toHaveLength(1)
})
