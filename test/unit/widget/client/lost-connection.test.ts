import { expect, test } from 'vitest'
import {
  type Answer,
  completed,
  delta,
  dropped,
  events,
  refused,
  setUpScriptedApi,
  started,
  steps,
  turn,
  whole,
} from '../../../rigs/scripted-api.ts'

const serve = setUpScriptedApi()

const loginPage: Answer = (response) =>
  void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Log in')

test('a dropped stream is joined at the end of its text, and no text is repeated', async () => {
  const { run, chats, joins, waits } = await serve([
    dropped(started, delta('Hi')),
    dropped(delta(' y', 'Hi')),
    events(delta('ou', 'Hi y'), completed),
  ])
  const updates = await run({ ...turn, contextText: 'selected', metadata: { page: '/a' } })
  expect(steps(updates)).toEqual([
    'accepted',
    'Hi',
    'reconnecting',
    'joined',
    'Hi y',
    'reconnecting',
    'joined',
    'Hi you',
    'completed',
  ])
  expect(updates[0]).toEqual({ type: 'accepted', seq: 1, replyId: 'r' })
  expect(joins()).toEqual([2, 4])
  // New text resets the backoff.
  expect(waits).toEqual([1000, 1000])
  expect(chats().map(({ body }) => body)).toEqual([
    {
      message_id: turn.id,
      message: 'Hello',
      context_text: 'selected',
      metadata: { page: '/a' },
    },
  ])
})

test('if the connection is lost before the server confirms a message, the same turn is sent again', async () => {
  const { run, chats, waits } = await serve([
    (response) => response.destroy(),
    refused(409, 'turn_running', { 'retry-after': '3' }),
    whole,
  ])
  expect(steps(await run({ ...turn, contextText: 'selected' }))).toEqual([
    'waitingForNetwork',
    'stillRunning',
    'accepted',
    'Hi',
    'Hi you',
    'completed',
  ])
  expect(waits).toEqual([1000, 3000])
  for (const { body } of chats()) {
    expect(body).toEqual({ message_id: turn.id, message: 'Hello', context_text: 'selected' })
  }
})

test('a stream that ends without its last event counts as dropped', async () => {
  const { run } = await serve([events(started), events(delta('Hi you'), completed)])
  expect(steps(await run())).toEqual(['accepted', 'reconnecting', 'joined', 'Hi you', 'completed'])
})

test('an answer that is not a stream counts as a lost connection', async () => {
  const { run } = await serve([loginPage, whole])
  expect(steps(await run())).toEqual(['waitingForNetwork', 'accepted', 'Hi', 'Hi you', 'completed'])
})

test('a message is retried until the network is back, with longer and longer pauses', async () => {
  const lost: Answer = (response) => response.destroy()
  const { run, waits } = await serve([...Array<Answer>(8).fill(lost), whole])
  expect(steps(await run())).toContain('completed')
  expect(waits).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000])
})

test('an accepted turn is retried while the server is down, an unconfirmed one is not', async () => {
  const down = refused(503, 'database_unavailable', { 'retry-after': '5' })
  const accepted = await serve([dropped(started), down, events(completed)])
  expect(steps(await accepted.run())).toContain('completed')
  expect(accepted.waits).toEqual([1000, 5000])

  const refusedOnce = await serve([down, whole])
  expect(await refusedOnce.run()).toMatchObject([
    { type: 'failed', failure: { status: 503, retryable: true, retryAfterMs: 5000 } },
  ])

  const gone = await serve([dropped(started), down])
  expect((await gone.run()).at(-1)).toMatchObject({ type: 'failed', failure: { status: 503 } })
  expect(gone.joins()).toHaveLength(6)
})
