import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { afterEach, expect, test, vi } from 'vitest'
import {
  type ChatClientOptions,
  createChatClient,
  type Turn,
} from '../../../../src/widget/client/chat-client.ts'
import { runTurn, type TurnRun, type TurnUpdate } from '../../../../src/widget/client/run-turn.ts'
import { createSiteStore, type SiteStore } from '../../../../src/widget/client/site-store.ts'

type Seen = { route: string; headers: IncomingHttpHeaders; body: Record<string, unknown> }
type Answer = (response: ServerResponse) => void

const turn: Turn = { id: '6f2c9e0a-0000-4000-8000-000000000001', message: 'Hello' }
const reply = { id: 'r', seq: 2, role: 'assistant', content: 'Hi you', status: 'complete' }

const started =
  'event: turn.started\ndata: {"session_id":"s1","message":{"seq":1},"reply_id":"r"}\n\n'
const delta = (text: string) => `event: delta\ndata: ${JSON.stringify({ text })}\n\n`
const completed = `event: turn.completed\ndata: ${JSON.stringify({ reply })}\n\n`

const failedTurn = (problem: Record<string, unknown>) =>
  `event: turn.failed\ndata: ${JSON.stringify({ title: 'T', ...problem })}\n\n`

const stream = { 'content-type': 'text/event-stream; charset=utf-8' }
const whole: Answer = (response) =>
  response.writeHead(200, stream).end(started + delta('Hi') + delta(' you') + completed)
const dropped =
  (...parts: string[]): Answer =>
  (response) => {
    response.writeHead(200, stream).write(parts.join(''), () => response.destroy())
  }
const refused =
  (status: number, code: string, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers })
    response.end(JSON.stringify({ status, code, title: `Title of ${code}` }))
  }

const silent: Answer = (response) => void response.writeHead(200, stream).write(started)
/** Comments for 600 ms, then the end. */
const slow: Answer = (response) => {
  response.writeHead(200, stream).write(started)
  let left = 6
  const timer = setInterval(() => {
    response.write(':\n\n')
    if (--left > 0) return
    clearInterval(timer)
    response.end(completed)
  }, 100)
}
const errorPage: Answer = (response) => void response.writeHead(404).end('<h1>Not here</h1>')
const loginPage: Answer = (response) =>
  void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Log in')

const events =
  (...parts: string[]): Answer =>
  (response) =>
    response.writeHead(200, stream).end(parts.join(''))

/** A server that gives these answers, one a request, and then the last one again; and visitor tokens. */
async function serve(answers: Answer[], options: Partial<ChatClientOptions> = {}) {
  const seen: Seen[] = []
  const waits: number[] = []
  let visitors = 0
  const server = createServer(async (request, response) => {
    const body = await readText(request)
    const route = `${request.method} ${request.url}`
    seen.push({ route, headers: request.headers, body: body ? JSON.parse(body) : {} })
    if (route === 'POST /v1/visitors') {
      response.writeHead(201, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ visitor_token: `vst_${++visitors}` }))
      return
    }
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    answer?.(response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('no port')
  const url = `http://127.0.0.1:${address.port}`
  const store = options.store ?? createSiteStore(url)
  const client = createChatClient({ server: url, store, ...options })
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  closers.push(close)
  const run = async (what: Turn = turn, joined?: TurnRun['reply']) => {
    const updates: TurnUpdate[] = []
    const { signal } = new AbortController()
    const sleep = async (ms: number) => void waits.push(ms)
    for await (const update of runTurn(client, what, { signal, reply: joined, sleep }))
      updates.push(update)
    return updates
  }
  const chats = () => seen.filter(isChat)
  const joins = () => seen.filter(isJoin).map(({ headers }) => Number(headers['last-event-id']))
  return { seen, waits, store, client, run, close, chats, joins }
}

const isChat = ({ route }: Seen) => route === 'POST /v1/chat'
const isJoin = ({ route }: Seen) => route === 'GET /v1/sessions/s1/messages/r/stream'
const closers: (() => void)[] = []
vi.stubGlobal('localStorage', undefined)

afterEach(() => {
  for (const close of closers.splice(0)) close()
})

function storeWith(entries: { token?: string; session?: string }): SiteStore {
  const store = createSiteStore('')
  store.set('token', entries.token)
  store.set('session', entries.session)
  return store
}

const steps = (updates: TurnUpdate[]) =>
  updates.map((update) => {
    if (update.type === 'text') return update.text
    return update.type === 'waiting' ? `waiting ${update.for}` : update.type
  })

test('the first turn asks for a token before it, and later ones name token and session', async () => {
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

test('a token that another tab stored meanwhile is the visitor’s', async () => {
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

test('a dropped stream is joined where its text ended, and its text is there once', async () => {
  const { run, chats, joins, waits } = await serve([
    dropped(started, delta('Hi')),
    dropped(delta(' y')),
    events(delta('ou'), completed),
  ])
  const updates = await run({ ...turn, contextText: 'selected', metadata: { page: '/a' } })
  expect(steps(updates)).toEqual([
    'accepted',
    'Hi',
    'waiting connection',
    'Hi y',
    'waiting connection',
    'Hi you',
    'completed',
  ])
  expect(updates[0]).toEqual({ type: 'accepted', seq: 1, replyId: 'r' })
  expect(joins()).toEqual([2, 4])
  // What came through in between begins the waits anew.
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

test('a message whose acceptance was lost is sent again as the same turn', async () => {
  const { run, chats, waits } = await serve([
    (response) => response.destroy(),
    refused(409, 'turn_running', { 'retry-after': '3' }),
    whole,
  ])
  expect(steps(await run({ ...turn, contextText: 'selected' }))).toEqual([
    'waiting network',
    'waiting reply',
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

test('a stream that ends without its last event is a dropped one', async () => {
  const { run } = await serve([events(started), events(delta('Hi you'), completed)])
  expect(steps(await run())).toEqual(['accepted', 'waiting connection', 'Hi you', 'completed'])
})

test('a connection that says nothing for too long is a dropped one', async () => {
  const { run } = await serve([silent, events(completed)], { silenceMs: 100 })
  expect(steps(await run())).toEqual(['accepted', 'waiting connection', 'completed'])
})

test('comments are signs of life', async () => {
  const { run } = await serve([slow], { silenceMs: 400 })
  expect(steps(await run())).toEqual(['accepted', 'completed'])
})

test('a reply that is being written already is joined, without asking for the turn', async () => {
  const store = storeWith({ token: 'vst_0', session: 's1' })
  const { run, chats, joins } = await serve([events(delta(' you'), completed)], { store })
  expect(steps(await run(turn, { id: 'r', content: 'Hi' }))).toEqual(['Hi you', 'completed'])
  expect([joins(), chats()]).toEqual([[2], []])
})

test('where a stream cannot be joined, the turn is asked for again, and its text comes anew', async () => {
  const { run, chats } = await serve([
    dropped(started, delta('Hi')),
    refused(405, 'method_not_allowed'),
    whole,
  ])
  expect(steps(await run())).toEqual([
    'accepted',
    'Hi',
    'waiting connection',
    'accepted',
    'Hi',
    'Hi you',
    'completed',
  ])
  expect(chats().map(({ body }) => body['session_id'])).toEqual([undefined, 's1'])
})

test('a reply whose writer died with nothing kept is written anew, once', async () => {
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

test('a session that is deleted while its reply is written does not come to life again', async () => {
  const { run, chats } = await serve([dropped(started, delta('Hi')), refused(404, 'not_found')])
  expect((await run()).at(-1)).toMatchObject({
    type: 'failed',
    failure: { code: 'session_deleted', retryable: false },
  })
  expect(chats()).toHaveLength(1)
})

test('a message waits for the network as long as it takes, ever more patiently', async () => {
  const lost: Answer = (response) => response.destroy()
  const { run, waits } = await serve([...Array<Answer>(8).fill(lost), whole])
  expect(steps(await run())).toContain('completed')
  expect(waits).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000])
})

test('an accepted turn outlives a server that is down for a while; a refused one asks the visitor', async () => {
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

test('a limit of messages in a time is waited for as long as the server says', async () => {
  const { run, chats, waits } = await serve([
    refused(429, 'rate_limited', { 'retry-after': '20' }),
    whole,
  ])
  const updates = await run()
  expect(updates[0]).toEqual({ type: 'waiting', for: 'limit', waitMs: 20_000 })
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
])('%i ends the turn at once', async (status, code, retryable) => {
  const { run, chats, waits } = await serve([refused(status, code)])
  expect(await run()).toMatchObject([{ type: 'failed', failure: { status, code, retryable } }])
  expect([chats().length, waits]).toEqual([1, []])
})

test('a turn that fails in its stream is not tried again by itself', async () => {
  const failed = failedTurn({ code: 'model_timeout', status: 504, retryable: true })
  const { run, chats } = await serve([events(started, failed)])
  expect(await run()).toMatchObject([
    { type: 'accepted' },
    { type: 'failed', failure: { code: 'model_timeout', retryable: true } },
  ])
  expect(chats()).toHaveLength(1)
})

test('a session that is gone begins anew with the same turn, once', async () => {
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

test('a visitor’s token that is refused is kept until the visitor gives it up', async () => {
  const store = storeWith({ token: 'vst_0', session: 's0' })
  const { run, client } = await serve([refused(401, 'unauthorized'), whole], { store })
  const [update] = await run()
  const failure = update?.type === 'failed' ? update.failure : undefined
  expect(failure && client.isUnknownVisitor(failure)).toBe(true)
  expect(store.get('token')).toBe('vst_0')
  client.becomeNewVisitor()
  expect([store.get('token'), store.get('session')]).toEqual([undefined, undefined])
})

test('a signed-in user is asked for a token before each request, and once more after a 401', async () => {
  const tokens = ['jwt 1', 'jwt 2', 'jwt 2', 'jwt 2', 'jwt 3']
  const userToken = () => tokens.shift()
  const { run, seen } = await serve(
    [refused(401, 'unauthorized'), whole, refused(401, 'unauthorized')],
    { userToken },
  )
  expect(steps(await run())).toContain('completed')
  // One that is still the same is not tried twice.
  tokens.splice(1, Infinity)
  expect(await run()).toMatchObject([{ type: 'failed', failure: { status: 401 } }])
  expect(seen.map(({ headers }) => headers.authorization)).toEqual([
    'Bearer jwt 1',
    'Bearer jwt 2',
    'Bearer jwt 2',
  ])
})

test('an error page of somebody else is no reason to forget the session', async () => {
  const store = storeWith({ token: 'vst_0', session: 's0' })
  const { run, client } = await serve([errorPage], { store })
  expect(steps(await run())).toEqual(['failed'])
  const signal = new AbortController().signal
  await expect(client.readMessages('', signal)).rejects.toMatchObject({ status: 404 })
  expect([store.get('token'), store.get('session')]).toEqual(['vst_0', 's0'])
})

test('a page that is no stream is a lost connection, whatever its status', async () => {
  const { run } = await serve([loginPage, whole])
  expect(steps(await run())).toEqual(['waiting network', 'accepted', 'Hi', 'Hi you', 'completed'])
})

test('who stops listening hears nothing more and sends nothing more', async () => {
  const { client, chats } = await serve([dropped(started, delta('Hi'))])
  const stop = new AbortController()
  const updates: string[] = []
  const run = { signal: stop.signal, sleep: async () => stop.abort() }
  for await (const { type } of runTurn(client, turn, run)) updates.push(type)
  expect(updates).toEqual(['accepted', 'text', 'waiting'])
  expect(chats()).toHaveLength(1)
})

test('history is read page by page; a session that is gone is forgotten', async () => {
  const store = storeWith({ token: 'vst_0', session: 'a/b' })
  const page = { data: [], has_more: false, next_cursor: null }
  const { client, seen } = await serve(
    [
      (response) =>
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(page)),
      refused(404, 'not_found'),
    ],
    { store },
  )
  const signal = new AbortController().signal
  expect(await client.readMessages('', signal)).toEqual(page)
  expect(await client.readMessages('?before=7', signal)).toBeUndefined()
  expect(await client.readMessages('', signal)).toBeUndefined()
  expect(seen.map(({ route }) => route)).toEqual([
    'GET /v1/sessions/a%2Fb/messages',
    'GET /v1/sessions/a%2Fb/messages?before=7',
  ])
  expect([store.get('token'), store.get('session')]).toEqual(['vst_0', undefined])
})
