import { afterEach, describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { fieldsOf, problemOf } from '../rigs/problem.ts'
import { appRoutes } from '../rigs/routes.ts'
import { useRig } from '../rigs/start-rig.ts'

const { rig, visitor } = useRig({ AUTH_JWT_SECRET: 'a-secret-of-forty-characters-or-even-more' })
// Every request of this file is refused before the database is called.
afterEach(() => expect(rig.timeline).toEqual([]))

const maxNameChars = 100
const maxErrors = 20
const maxAnswerBytes = 4 * 1024
const id = crypto.randomUUID()
const session = `/v1/sessions/${id}`
/** Nearly as long as a body may be. */
const longest = limits.bodyBytes - 200

/** Sends a request and expects a short refusal, which holds no long run of the caller's characters. */
async function refusal(
  method: string,
  path: string,
  { body, headers = {} }: { body?: string; headers?: Record<string, string> } = {},
) {
  const response = await visitor.request(method, path, body, headers)
  const text = await response.clone().text()
  expect(response.status, text.slice(0, 500)).toBeGreaterThanOrEqual(400)
  expect(response.status, text.slice(0, 500)).toBeLessThan(500)
  expect(Buffer.byteLength(text)).toBeLessThan(maxAnswerBytes)
  expect(Buffer.byteLength(JSON.stringify([...response.headers]))).toBeLessThan(maxAnswerBytes)
  expect(text.isWellFormed()).toBe(true)
  expect(text).not.toMatch(new RegExp(`(\\w)\\1{${maxNameChars}}`))
  return problemOf(response)
}

describe('a name of the longest possible length is cut at 100 characters, and the field is still recognised', () => {
  const bodyRoutes = appRoutes()
    .filter((route) => /^(POST|PUT|PATCH) /.test(route))
    .map((route) => route.replaceAll(/:\w+/g, id).split(' ') as [string, string])

  test.each(bodyRoutes.filter(([, path]) => !path.endsWith('/claim')))(
    'as an unknown field of %s %s',
    async (method, path) => {
      const body = JSON.stringify({ [`nobodys_${'a'.repeat(longest)}`]: 1 })
      const problem = await refusal(method, path, { body })
      const name = fieldsOf(problem).find((field) => field.startsWith('nobodys_aaa'))
      expect(name).toHaveLength(maxNameChars)
      expect(name?.endsWith('a…')).toBe(true)
    },
  )

  test.each(['/v1/sessions', `${session}/messages`, '/v1/export'])(
    'as a parameter of %s',
    async (path) => {
      const problem = await refusal('GET', `${path}?nobodys_${'a'.repeat(50_000)}=1`)
      expect(fieldsOf(problem)).toEqual([`nobodys_${'a'.repeat(maxNameChars - 9)}…`])
    },
  )

  test.each([
    ['an emoji', '👨‍👩‍👧‍👦'],
    ['a flag', '🇺🇳'],
    ['a surrogate pair', '😀'],
    ['a letter with marks', 'e\u0301\u0323'],
  ])('never inside %s', async (_, character) => {
    for (let before = 0; before < character.length; before += 1) {
      const field = 'x'.repeat(before) + character.repeat(2_000)
      const problem = await refusal('POST', '/v1/chat', {
        body: JSON.stringify({ message: 'Hello', [field]: 1 }),
      })
      const [name = ''] = fieldsOf(problem)
      expect(name.length).toBeGreaterThan(maxNameChars - character.length - 1)
      expect(name.length).toBeLessThanOrEqual(maxNameChars)
      expect((name.length - 1 - before) % character.length, name).toBe(0)
    }
  })

  test('as a lone surrogate, too', async () => {
    const body = `{"message":"Hello","${'a'.repeat(98)}\\ud83d\\ude00${'b'.repeat(9)}":1}`
    const [name] = fieldsOf(await refusal('POST', '/v1/chat', { body }))
    expect(name).toBe(`${'a'.repeat(98)}…`)
  })
})

describe('of many wrong fields, 20 are named', () => {
  const manyNames = Array.from({ length: 1_000 }, (_, index) => `${index}${'a'.repeat(110)}`)

  test('in a body', async () => {
    const body = JSON.stringify(Object.fromEntries(manyNames.map((name) => [name, 1])))
    const problem = await refusal('POST', '/v1/visitors', { body })
    expect(fieldsOf(problem)).toHaveLength(maxErrors)
    expect(problem.detail).toContain('and 997 more')
  })

  test('in a query', async () => {
    const query = manyNames.slice(0, 400).map((name) => `${name}=1`)
    const problem = await refusal('GET', `/v1/sessions?${query.join('&')}`)
    expect(fieldsOf(problem)).toHaveLength(maxErrors)
    expect(problem.detail).toContain('and 397 more')
  })
})

describe('no answer repeats a value, whatever its length', () => {
  const long = 'z'.repeat(longest)

  test.each([
    ['POST', '/v1/chat', { message: long }],
    ['POST', '/v1/chat', { message: 'Hello', context_text: long }],
    ['POST', '/v1/chat', { message: 'Hello', session_id: long }],
    ['POST', '/v1/chat', { message: 'Hello', message_id: long }],
    ['POST', '/v1/chat', { message: 'Hello', message_id: id, regenerate: long }],
    ['POST', '/v1/chat', { message: 'Hello', metadata: { [long]: 1 } }],
    ['POST', '/v1/chat', { message: 'Hello', metadata: { a: { b: long } } }],
    ['POST', '/v1/sessions', { title: long }],
    ['PATCH', session, { title: long }],
    ['PUT', `${session}/messages/${id}/feedback`, { rating: long }],
    ['PUT', `${session}/messages/${id}/feedback`, { rating: 'up', comment: long }],
    ['POST', `${session}/context`, { message: long }],
  ])('in a body of %s %s', async (method, path, value) => {
    await refusal(method, path, { body: JSON.stringify(value) })
  })

  test('in a body that is not JSON', async () => {
    for (const body of [long, `"${long}"`, `{"a":${long}}`])
      await refusal('POST', '/v1/chat', { body })
  })

  const path50k = 'z'.repeat(50_000)
  test.each([
    `/v1/${path50k}`,
    `/v1/sessions/${path50k}`,
    `${session}/messages/${path50k}/stream`,
    `/v1/sessions?limit=${path50k}`,
    `/v1/sessions?cursor=${path50k}`,
    `${session}/messages?before=${path50k}`,
    `${session}/messages?superseded=${path50k}`,
  ])('in a URL', async (path) => {
    await refusal('GET', path)
  })

  test('in a header', async () => {
    // Of longer heads, workerd refuses all.
    const value = 'z'.repeat(50_000)
    const jwt = `${value}.${value}.z`
    for (const headers of [
      { authorization: value },
      { authorization: `Bearer ${value}` },
      { authorization: `Bearer ${jwt}` },
      { authorization: `Bearer ${btoa(`{"alg":"${'z'.repeat(6_000)}"}`)}.e30.z` },
      { 'content-type': value },
      { 'content-type': `application/json; charset=${value}`, 'last-event-id': value },
      { accept: value },
      { origin: value },
      { origin: `https://${value}.example` },
      { 'x-request-id': value },
    ])
      await refusal('POST', '/v1/chat', { body: '{}', headers })
    await refusal('GET', `${session}/messages/x/stream`, { headers: { 'last-event-id': value } })
  })

  test('in a method', async () => {
    await fetch(rig.url, { method: 'Z'.repeat(240_000) }).then(
      async (response) => expect((await response.text()).length).toBeLessThan(maxAnswerBytes),
      // The runtime or the client refuses it without an answer.
      () => {},
    )
  })
})
