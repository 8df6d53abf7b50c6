import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createClient, newVisitor } from '../helpers/client.ts'
import { problemOf } from '../helpers/problem.ts'
import {
  appRoutes,
  type Request,
  routesWithoutSession,
  sessionRequests,
} from '../helpers/routes.ts'
import { startWorker, type TestWorker } from '../helpers/start-worker.ts'

let worker: TestWorker
beforeAll(async () => {
  worker = await startWorker()
})
beforeEach(() => worker.clear())
afterAll(() => worker.close())

const requestsTo = (sessionId: string, messageId?: string) =>
  Object.values(sessionRequests(sessionId, messageId)).flat()

test('every route of the app is tried here', () => {
  const tried = [...Object.keys(routesWithoutSession), ...Object.keys(sessionRequests('x'))]
  expect(tried.toSorted()).toEqual(appRoutes().toSorted())
})

describe("another's session", () => {
  test('looks to everybody else as one that is not there, byte for byte', async () => {
    const owner = await newVisitor(worker.url)
    const stranger = await newVisitor(worker.url)
    const turn = { message: 'Hello', message_id: crypto.randomUUID() }
    const { session_id, reply, history } = await owner.chat(turn)
    const missing = crypto.randomUUID()
    worker.clear()
    const answer = async (method: string, path: string, body: string | undefined) => {
      const response = await stranger.request(method, path, body)
      const problem = { ...(await problemOf(response)), request_id: '' }
      const headers = [...response.headers].filter(([name]) => !/^(date|x-request-id)$/.test(name))
      return { status: response.status, headers, body: JSON.stringify(problem) }
    }
    for (const id of [turn.message_id, reply.id])
      for (const [method, path, body] of requestsTo(session_id, id)) {
        const json = body === undefined ? undefined : JSON.stringify(body)
        const theirs = await answer(method, path, json)
        expect(theirs.status, `${method} ${path}`).toBe(404)
        const elsewhere = path.replace(session_id, missing)
        expect(await answer(method, elsewhere, json?.replace(session_id, missing))).toEqual(theirs)
      }
    expect(worker.model.requests).toEqual([])
    const path = `/v1/sessions/${session_id}`
    expect((await owner.expect(200, 'GET', `${path}/messages`)).data).toEqual(history)
    expect((await owner.expect(200, 'GET', path)).title).toBe('Hello')
    expect((await stranger.expect(200, 'GET', '/v1/sessions')).data).toEqual([])
  })

  test('is not the one that its message_id leads a stranger to', async () => {
    const owner = await newVisitor(worker.url)
    const stranger = await newVisitor(worker.url)
    const turn = { message: 'Hello', message_id: crypto.randomUUID() }
    const mine = await owner.chat(turn)
    const theirs = await stranger.chat(turn)
    expect(theirs.session_id).not.toBe(mine.session_id)
    expect(theirs).not.toHaveProperty('replayed')
  })
})

describe('a credential', () => {
  const needing: Request[] = [...requestsTo(crypto.randomUUID()), ['GET', '/v1/sessions']]

  test.each([
    'Bearer',
    'Bearer vst_short',
    `Bearer vst_${'a'.repeat(44)}`,
    `Bearer vst_${'a'.repeat(42)}+`,
    `Bearer VST_${'a'.repeat(43)}`,
    `Bearer vst_${'a'.repeat(43)}, Bearer vst_${'b'.repeat(43)}`,
    `Basic vst_${'a'.repeat(43)}`,
    `vst_${'a'.repeat(43)}`,
    'Bearer 0e1',
    'Bearer eyJhbGciOiJub25lIn0.e30.',
  ])('that is malformed, %s, is a 401 on every route', async (authorization) => {
    const requests = [...needing, ...Object.values(routesWithoutSession), ['GET', '/v1/x'] as const]
    const client = createClient(worker.url)
    await Promise.all(
      requests.map(async ([method, path, body]) => {
        const response = await client.request(method, path, body, { authorization })
        expect(await problemOf(response)).toMatchObject({ status: 401, code: 'unauthorized' })
        expect(response.headers.get('www-authenticate')).toBe('Bearer')
      }),
    )
    expect(worker.timeline).toEqual([])
  })

  test('that is missing is a 401 where one is needed, whether or not the session exists', async () => {
    const { session_id } = await (await newVisitor(worker.url)).chat({ message: 'Hello' })
    worker.clear()
    const nobody = createClient(worker.url)
    for (const [method, path, body] of [...needing, ...requestsTo(session_id)]) {
      const response = await nobody.request(method, path, body)
      expect((await problemOf(response)).status, `${method} ${path}`).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
    }
    expect(worker.timeline).toEqual([])
  })

  test('counts nowhere but in its header', async () => {
    const owner = await newVisitor(worker.url)
    const { session_id } = await owner.chat({ message: 'Hello' })
    const path = `/v1/sessions/${session_id}`
    const nobody = createClient(worker.url)
    const { token = '' } = owner
    const headers = { cookie: `authorization=${token}; visitor_token=${token}`, 'x-api-key': token }
    expect((await nobody.request('GET', path, undefined, headers)).status).toBe(401)
    expect((await nobody.request('GET', `${path}?access_token=${token}`)).status).toBe(401)
    const body = { session_id, message: 'Hello', visitor_token: token }
    expect((await nobody.request('POST', '/v1/chat', body)).status).toBe(400)
  })

  test('is read whatever the case of its scheme', async () => {
    const { token } = await newVisitor(worker.url)
    const client = createClient(worker.url)
    for (const scheme of ['bearer', 'BEARER ', 'Bearer']) {
      const headers = { authorization: `${scheme} ${token}` }
      const response = await client.request('GET', '/v1/sessions', undefined, headers)
      expect(response.status).toBe(200)
    }
  })
})
