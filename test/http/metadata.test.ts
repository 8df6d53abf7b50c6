import { describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { fieldsOf, problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'

const { rig, visitor } = useRig()

/** Metadata of so many of these items, as JSON. */
const listOf = (item: string, count: number) =>
  `{"a":[${Array.from({ length: count }, () => item).join(',')}]}`
/** `{"a": ["…"]}`, as long as this in the database. */
const textOf = (chars: number) => JSON.stringify({ a: ['x'.repeat(chars - '{"a": [""]}'.length)] })

/** The routes that store metadata. */
async function requests(metadata: string): Promise<[string, string, string, number][]> {
  const { id } = await visitor.expect(201, 'POST', '/v1/sessions')
  return [
    ['POST', '/v1/chat', `{"message":"Hello","metadata":${metadata}}`, 200],
    ['POST', '/v1/sessions', `{"metadata":${metadata}}`, 201],
    ['PATCH', `/v1/sessions/${id}`, `{"metadata":${metadata}}`, 200],
  ]
}

describe('metadata whose numbers are long when they are written out', () => {
  test.each([
    ['very small numbers', listOf('5e-324', 600)],
    ['13 numbers of 326 characters', listOf('5e-324', 13)],
    ['very large numbers', listOf('1e308', 14)],
    ['one character over the limit', textOf(limits.metadataChars + 1)],
    ['many short items, each with a comma and a space', listOf('1', 1_366)],
  ])('is a 400 that names the field: %s', async (_, metadata) => {
    const refused = await requests(metadata)
    rig.clear()
    for (const [method, path, body] of refused) {
      const problem = await problemOf(await visitor.request(method, path, body))
      expect([problem.status, fieldsOf(problem)], path).toEqual([400, ['metadata']])
    }
    expect(rig.timeline).toEqual([])
  })

  test.each([
    ['12 numbers of 326 characters', listOf('5e-324', 12)],
    ['as long as the limit', textOf(limits.metadataChars)],
  ])('is stored and read as it was sent: %s', async (_, metadata) => {
    for (const [method, path, body, status] of await requests(metadata)) {
      const answer = await visitor.expect(status, method, path, body)
      const shown = path === '/v1/chat' ? answer.history[0] : answer
      expect(shown.metadata).toEqual(JSON.parse(metadata))
    }
  })
})
