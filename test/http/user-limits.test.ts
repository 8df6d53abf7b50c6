import { expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { checkpointTurn } from '../../src/db/turns/finish-turn.ts'
import { createDeps } from '../../src/deps.ts'
import type { RateLimiterName } from '../../src/http/app-env.ts'
import { testDatabase, turnCheckpoint, turnStart } from '../rigs/conversation.ts'
import { problemOf } from '../rigs/problem.ts'
import {
  appRoutes,
  newcomerRoutes,
  ownRoutes,
  type Request,
  sessionRequests,
} from '../rigs/routes.ts'
import { useRig } from '../rigs/start-rig.ts'
import { turnCall } from '../rigs/turn-call.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const { rig, visitor } = useRig()

/** Every route that begins a turn or joins one, as `METHOD /path/:name`: found by what it does while a reply runs. */
async function turnRoutes() {
  const db = testDatabase()
  const userId = visitorIdOf(visitor.token ?? '')
  const requests: [route: string, request: Request][] = []
  const add = (rows: Record<string, Request[]>) => {
    for (const [route, each] of Object.entries(rows))
      requests.push(...each.map((request) => [route, request] as (typeof requests)[number]))
  }
  const start = turnStart({ userId, leaseMs: 60_000 })
  await beginTurn(db, start)
  await checkpointTurn(db, start, turnCheckpoint({ leaseMs: 60_000 }))
  add(sessionRequests(start.sessionId, start.replyId))
  for (const rows of [newcomerRoutes, ownRoutes])
    add(Object.fromEntries(Object.entries(rows).map(([route, request]) => [route, [request]])))
  const found = { begins: new Set<string>(), joins: new Set<string>() }
  // Those that erase come last in each list.
  for (const [route, [method, path, body]] of requests) {
    rig.clear()
    const response = await visitor.request(method, path, body)
    if (response.headers.get('content-type')?.startsWith('text/event-stream'))
      found.joins.add(route)
    if (rig.database.calls.some((call) => turnCall(call) === 'begin')) found.begins.add(route)
    await response.body?.cancel()
  }
  return found
}

/** The routes that this limiter keeps a user from. */
async function limitedRoutes(name: RateLimiterName) {
  const asked: string[] = []
  const limiter = {
    async limit({ key }: { key: string }) {
      asked.push(key)
      return { success: false }
    },
  }
  const settings = { DATABASE_URL: 'postgresql://u:p@db.example/d', OPENAI_API_KEY: 'sk-x' }
  const app = createApp(createDeps)
  const limited: string[] = []
  for (const route of appRoutes()) {
    const [method = '', path = ''] = route.split(' ')
    if (!path.startsWith('/v1/')) continue
    const before = asked.length
    const response = await app.request(
      path.replaceAll(/:\w+/g, crypto.randomUUID()),
      // Of another content type, so that a route without a limit refuses the body at once.
      { method, headers: { authorization: `Bearer ${visitor.token}`, 'content-type': 'text/x' } },
      { ...settings, [name]: limiter },
    )
    if (asked.length === before) continue
    limited.push(route)
    expect(asked.at(-1)).toBe(visitorIdOf(visitor.token ?? ''))
    expect(await problemOf(response)).toMatchObject({
      status: 429,
      code: 'rate_limited',
      retry_after: 60,
    })
    expect(response.headers.get('retry-after')).toBe('60')
  }
  return limited.toSorted()
}

test('a user is limited on every route that begins or joins a turn, and on no other', async () => {
  const { begins, joins } = await turnRoutes()
  expect(begins.size).toBeGreaterThan(0)
  expect(joins.size).toBeGreaterThan(1)
  expect(await limitedRoutes('USER_RATE_LIMITER')).toEqual([...begins].toSorted())
  expect(await limitedRoutes('JOIN_RATE_LIMITER')).toEqual([...joins].toSorted())
}, 60_000)
