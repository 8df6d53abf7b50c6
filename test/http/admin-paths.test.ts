import { describe, expect, test } from 'vitest'
import { createClient, newVisitor } from '../rigs/client.ts'
import { problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'

const ADMIN_TOKEN = 'an-admin-token-of-forty-characters-or-so'
const { rig } = useRig({ ADMIN_TOKEN })
const { rig: without } = useRig()

const nowhere: [method: string, path: string][] = [
  ['GET', '/v1/admin'],
  ['GET', '/v1/admin/'],
  ['GET', '/v1/admin/session'],
  ['GET', '/v1/admin/sessions/'],
  ['GET', `/v1/admin/sessions/${crypto.randomUUID()}`],
  ['GET', '/v1/admin/v1/admin/sessions'],
  ['POST', '/v1/admin/sessions'],
  ['PUT', '/v1/admin/usage'],
  ['PURGE', '/v1/admin/usage'],
]
const known: [method: string, path: string][] = [
  ['GET', '/v1/admin/sessions'],
  ['GET', '/v1/admin/usage'],
  ['DELETE', `/v1/admin/sessions/${crypto.randomUUID()}`],
]

describe('under /v1/admin', () => {
  test.each(nowhere)('the owner gets 404 where nothing is: %s %s', async (method, path) => {
    const owner = createClient(rig.url, ADMIN_TOKEN)
    const problem = await problemOf(await owner.request(method, path))
    const elsewhere = await problemOf(await createClient(rig.url).request('GET', '/nothing'))
    expect(problem).toEqual({ ...elsewhere, request_id: problem['request_id'] })
    expect(problem).toMatchObject({ code: 'not_found', status: 404 })
  })

  test('HEAD answers as GET does, without a body', async () => {
    const owner = createClient(rig.url, ADMIN_TOKEN)
    for (const [path, status] of [
      ['/v1/admin/usage', 200],
      ['/v1/admin/nothing', 404],
    ] as const) {
      const response = await owner.request('HEAD', path)
      expect(response.status, path).toBe(status)
      expect(await response.text()).toBe('')
    }
  })

  test('everybody else gets the same 401 everywhere, so nobody learns what is there', async () => {
    const visitor = await newVisitor(rig.url)
    for (const token of [undefined, 'nonsense', `${ADMIN_TOKEN}x`, visitor.token]) {
      const answers = new Set<string>()
      for (const [method, path] of [...nowhere, ...known]) {
        const response = await createClient(rig.url, token).request(method, path)
        const { request_id: _, ...problem } = await problemOf(response)
        answers.add(JSON.stringify(problem))
      }
      expect([...answers]).toEqual([expect.stringContaining('"code":"unauthorized"')])
    }
    expect(rig.timeline).toEqual([])
  })

  test('without ADMIN_TOKEN, nothing is there for anybody', async () => {
    const visitor = await newVisitor(without.url)
    for (const token of [undefined, visitor.token]) {
      for (const [method, path] of [...nowhere, ...known]) {
        const response = await createClient(without.url, token).request(method, path)
        expect(await problemOf(response), path).toMatchObject({ code: 'not_found', status: 404 })
      }
    }
  })
})
