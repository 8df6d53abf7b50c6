import { expect, test } from 'vitest'
import type { Turn } from '../../../../src/widget/client/chat-client.ts'
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
} from '../../../rigs/scripted-api.ts'

const serve = setUpScriptedApi()

const thinking = 'event: turn.thinking\ndata: {}\n\n'

const cut = { id: 'r', content: 'Hi ' }
const continuing: Turn = { ...turn, contextText: 'selected', continue: { id: 'r', from: 3 } }
/** A client that is in the session of the reply. */
const store = () => storeWith({ token: 'vst_1', session: 's1' })

test('a continued reply is asked for at its place, and grows at its end', async () => {
  const { run, chats, joins } = await serve(
    [events(started, delta('you', 'Hi '), delta(' all', 'Hi you'), completed)],
    { store: store() },
  )
  expect(steps(await run(continuing, cut))).toEqual([
    'accepted',
    'Hi you',
    'Hi you all',
    'completed',
  ])
  expect(chats()).toMatchObject([{ headers: { 'last-event-id': '3' } }])
  expect(chats()[0]?.body).toEqual({
    session_id: 's1',
    message_id: turn.id,
    message: 'Hello',
    context_text: 'selected',
    continue: 'r',
  })
  expect(joins()).toEqual([])
})

test('a continued reply whose stream is lost is joined at the end of its text, and not asked for again', async () => {
  const { run, chats, joins } = await serve(
    [dropped(started), dropped(delta('y', 'Hi ')), events(delta('ou', 'Hi y'), completed)],
    { store: store() },
  )
  expect(steps(await run(continuing, cut))).toEqual([
    'accepted',
    'reconnecting',
    'joined',
    'Hi y',
    'reconnecting',
    'joined',
    'Hi you',
    'completed',
  ])
  expect([chats().length, joins()]).toEqual([1, [3, 4]])
})

test('a request to continue that may not have arrived is repeated with the same place', async () => {
  const { run, chats } = await serve(
    [
      (response) => response.destroy(),
      refused(503, 'database_unavailable'),
      // Somebody else has continued it in the meantime.
      events(started, delta('you all', 'Hi '), completed),
    ],
    { store: store() },
  )
  expect(steps(await run(continuing, cut))).toEqual([
    'reconnecting',
    'reconnecting',
    'accepted',
    'Hi you all',
    'completed',
  ])
  expect(chats().map(({ headers }) => headers['last-event-id'])).toEqual(['3', '3', '3'])
  for (const { body } of chats()) expect(body).toEqual(chats()[0]?.body)
})

test('text after the place is taken back as thinking, and the text before it is not', async () => {
  const { run, joins } = await serve(
    [
      dropped(started, delta('Let me see.', 'Hi '), thinking),
      events(delta('you', 'Hi '), completed),
    ],
    { store: store() },
  )
  expect(steps(await run(continuing, cut))).toEqual([
    'accepted',
    'Hi Let me see.',
    'thinking',
    'reconnecting',
    'joined',
    'Hi you',
    'completed',
  ])
  expect(joins()).toEqual([3])
})

test('a reply that somebody else continues at this moment is joined', async () => {
  const { run, chats, joins, waits } = await serve(
    [refused(409, 'turn_running', { 'retry-after': '5' }), events(delta('you', 'Hi '), completed)],
    { store: store() },
  )
  expect(steps(await run(continuing, cut))).toEqual(['joined', 'Hi you', 'completed'])
  expect([chats().length, joins(), waits]).toEqual([1, [3], []])
})

test('a running reply that cannot be joined is waited for', async () => {
  const running = refused(409, 'turn_running', { 'retry-after': '5' })
  const { run, chats, joins, waits } = await serve(
    [
      running,
      refused(400, 'invalid_request'),
      running,
      events(started, delta('you', 'Hi '), completed),
    ],
    { store: store() },
  )
  expect(steps(await run(continuing, cut))).toEqual([
    'stillRunning',
    'accepted',
    'Hi you',
    'completed',
  ])
  expect([chats().length, joins(), waits]).toEqual([3, [3], [5000]])
})

test('a continued reply that fails brings what is stored of it, and is not asked for again', async () => {
  const reply = { ...cut, status: 'interrupted' }
  const { run, chats } = await serve(
    [events(started, failedTurn({ code: 'model_unavailable', retryable: true, reply }))],
    { store: store() },
  )
  expect(await run(continuing, cut)).toMatchObject([
    { type: 'accepted' },
    { type: 'failed', failure: { code: 'model_unavailable', reply } },
  ])
  expect(chats()).toHaveLength(1)
})

test.each([
  [404, 'not_found', 'session_deleted'],
  [409, 'not_last_turn', 'not_last_turn'],
  [422, 'message_mismatch', 'message_mismatch'],
  [429, 'daily_limit_reached', 'daily_limit_reached'],
])('%i %s ends it, and no new session is created', async (status, code, reported) => {
  const { run, chats, store: kept } = await serve([refused(status, code)], { store: store() })
  expect(await run(continuing, cut)).toMatchObject([
    { type: 'failed', failure: { code: reported } },
  ])
  expect(chats()).toHaveLength(1)
  expect(kept.get('session')).toBe('s1')
})
