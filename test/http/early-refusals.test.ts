import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient, newVisitor } from '../rigs/client.ts'
import { problemOf } from '../rigs/problem.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'
import { startWorker, type TestWorker } from '../rigs/start-worker.ts'

/*
 * A client that is still sending a large body when it is refused. The sizes are such that most of these requests lose
 * their answer if the Worker answers without reading on.
 */
const body = JSON.stringify({ message: 'Hello', context_text: 'a'.repeat(10_000_000) })
const atOnce = 6
const json = { 'content-type': 'application/json' }
const session = `/v1/sessions/${crypto.randomUUID()}`

let rig: Rig
let worker: TestWorker
let token: string | undefined
beforeAll(async () => {
  rig = await startRig()
  worker = await startWorker()
  token = (await newVisitor(rig.url)).token
})
afterAll(() => Promise.all([rig.close(), worker.close()]))

describe.each(['workerd', "wrangler's proxy"])(
  'behind %s, a body of 10 MB gets its answer',
  (server) => {
    test.each<[number, string, string, string, Record<string, string>]>([
      [413, 'body_too_large', 'POST', '/v1/chat', json],
      [413, 'body_too_large', 'PATCH', session, json],
      [401, 'unauthorized', 'POST', '/v1/chat', { ...json, authorization: 'Bearer x' }],
      [401, 'unauthorized', 'POST', `${session}/stop`, { ...json, authorization: '' }],
      [403, 'origin_not_allowed', 'POST', '/v1/chat', { ...json, origin: 'https://evil.example' }],
      [404, 'not_found', 'POST', '/v1/nothing', json],
      [404, 'not_found', 'DELETE', session, json],
    ])('%i %s, each of many at once: %s %s', async (status, code, method, path, headers) => {
      const parts = server === 'workerd' ? rig : worker
      const client = createClient(parts.url, token)
      const answers = await Promise.all(
        Array.from({ length: atOnce }, async () => {
          const response = await client.request(method, path, body, headers)
          return problemOf(response)
        }),
      )
      for (const answer of answers) expect(answer).toMatchObject({ status, code })
    })
  },
)
