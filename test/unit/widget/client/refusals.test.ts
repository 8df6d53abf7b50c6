import { expect, test, vi } from 'vitest'
import {
  type Answer,
  delta,
  dropped,
  refused,
  setUpScriptedApi,
  started,
  steps,
  storeWith,
  whole,
} from '../../../rigs/scripted-api.ts'

const serve = setUpScriptedApi()

const errorPage: Answer = (response) => void response.writeHead(404).end('<h1>Not here</h1>')

test('after rate_limited the client waits as long as Retry-After says', async () => {
  const { run, chats, waits } = await serve([
    refused(429, 'rate_limited', { 'retry-after': '20' }),
    whole,
  ])
  const updates = await run()
  expect(updates[0]).toEqual({ type: 'waiting', for: 'waitingForLimit', waitMs: 20_000 })
  expect(steps(updates)).toContain('completed')
  expect([chats().length, waits]).toEqual([2, [20_000]])
})

test.each([
  [400, 'invalid_request', false],
  [413, 'message_too_long', false],
  [422, 'message_mismatch', false],
  [409, 'not_last_turn', false],
  [429, 'daily_limit_reached', false],
  [403, 'origin_not_allowed', false],
  [401, 'unauthorized', false],
  [500, 'internal_error', true],
])('%i %s ends the turn at once', async (status, code, retryable) => {
  const { run, chats, waits } = await serve([refused(status, code)])
  expect(await run()).toMatchObject([{ type: 'failed', failure: { status, code, retryable } }])
  expect([chats().length, waits]).toEqual([1, []])
})

test('a session that is deleted during its reply is not created again', async () => {
  const { run, chats } = await serve([dropped(started, delta('Hi')), refused(404, 'not_found')])
  expect((await run()).at(-1)).toMatchObject({
    type: 'failed',
    failure: { code: 'session_deleted', retryable: false },
  })
  expect(chats()).toHaveLength(1)
})

test('if the session no longer exists, the same turn starts a new one, once', async () => {
  const store = storeWith({ token: 'vst_0', session: 's0' })
  const { run, chats } = await serve([refused(404, 'not_found'), whole], { store })
  expect(steps(await run())).toEqual(['restarted', 'accepted', 'Hi', 'Hi you', 'completed'])
  expect(chats().map(({ body }) => body['session_id'])).toEqual(['s0', undefined])
  expect(chats().map(({ headers }) => headers.authorization)).toEqual([
    'Bearer vst_0',
    'Bearer vst_0',
  ])

  const gone = await serve([refused(404, 'not_found')], { store })
  expect(steps(await gone.run())).toEqual(['restarted', 'failed'])
})

test('a refused visitor token is kept until the visitor chooses a new chat', async () => {
  const store = storeWith({ token: 'vst_0', session: 's0' })
  const { run, client } = await serve([refused(401, 'unauthorized'), whole], { store })
  const [update] = await run()
  const failure = update?.type === 'failed' ? update.failure : undefined
  expect(failure && client.isUnknownVisitor(failure)).toBe(true)
  expect(store.get('token')).toBe('vst_0')
  client.becomeNewVisitor()
  expect([store.get('token'), store.get('session')]).toEqual([undefined, undefined])
})

test('the provider is asked for a token before each request, and once more after a 401', async () => {
  const tokens = ['jwt 1', 'jwt 2', 'jwt 2', 'jwt 2', 'jwt 3']
  const userToken = () => tokens.shift()
  const { run, seen } = await serve(
    [refused(401, 'unauthorized'), whole, refused(401, 'unauthorized')],
    { userToken },
  )
  expect(steps(await run())).toContain('completed')
  // The same token is not tried twice.
  tokens.splice(1, Infinity)
  expect(await run()).toMatchObject([{ type: 'failed', failure: { status: 401 } }])
  expect(seen.map(({ headers }) => headers.authorization)).toEqual([
    'Bearer jwt 1',
    'Bearer jwt 2',
    'Bearer jwt 2',
  ])
})

test('a 404 without a code of the API does not make the client forget the session', async () => {
  const store = storeWith({ token: 'vst_0', session: 's0' })
  const { run, client } = await serve([errorPage], { store })
  expect(steps(await run())).toEqual(['failed'])
  const signal = new AbortController().signal
  await expect(client.readMessages('', signal)).rejects.toMatchObject({ status: 404 })
  expect([store.get('token'), store.get('session')]).toEqual(['vst_0', 's0'])
})

test.each([
  ['https://shop.example', 'Add https://shop.example to its setting ALLOWED_ORIGINS.'],
  ['null', 'a sandboxed frame without "allow-same-origin"'],
])('the console names the setting once if %s may not use the chat', async (origin, advice) => {
  vi.stubGlobal('origin', origin)
  const log = vi.spyOn(console, 'error').mockImplementation(() => {})
  const { run, client } = await serve([refused(403, 'origin_not_allowed')])
  const signal = new AbortController().signal
  await run()
  await run()
  client.enterSession('s1')
  await expect(client.readMessages('', signal)).rejects.toMatchObject({ status: 403 })
  expect(log.mock.calls).toEqual([[expect.stringContaining(advice)]])
  log.mockRestore()
})
