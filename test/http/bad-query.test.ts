import { afterEach, describe, expect, test } from 'vitest'
import { fieldsOf, problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'

const { rig, visitor } = useRig()
// Every request of this file is refused before the database is called.
afterEach(() => expect(rig.timeline).toEqual([]))

const uuid = '01890a5d-ac96-774b-bcce-b302099a8057'

async function refusal(status: number, path: string) {
  const problem = await problemOf(await visitor.request('GET', path))
  expect(problem.status, path).toBe(status)
  return problem
}

test('an id in a path that is no valid percent-encoding is a 404', async () => {
  for (const id of ['%', '%E0%A4%A', '%00', '%C0%80', '..%2f..%2fv1'])
    await refusal(404, `/v1/sessions/${id}`)
})

describe('a query string', () => {
  const sessions = '/v1/sessions'
  const messages = `/v1/sessions/${uuid}/messages`
  const seqs = ['-1', '2147483648', '1.5', 'x', '']
  const limits = ['0', '201', '-1', '1.5', '1e1', '0x10', 'ten', '', '1&limit=2', '%00', '%D9%A3']
  const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const cursors = [
    'x',
    '%00',
    'a'.repeat(201),
    cursorOf(null),
    cursorOf([]),
    cursorOf([1, uuid]),
    cursorOf(['infinity', uuid]),
    cursorOf(['2026-01-01T00:00:00.000Z', 'x']),
    cursorOf(['2026-01-01T00:00:00.000Z', uuid, 1]),
    cursorOf(['2026-02-30T00:00:00.000Z', uuid]),
    cursorOf(['0000-01-01T00:00:00.000Z', uuid]),
  ]

  test.each([
    ['a limit out of range', sessions, 'limit', limits],
    ['a limit out of range', messages, 'limit', limits],
    ['a place that is no seq', messages, 'before', seqs],
    ['a place that is no seq', messages, 'after', seqs],
    ['two places', messages, 'after', ['1&before=5']],
    ['a word that is no boolean', messages, 'superseded', ['yes', '1', '']],
    ['a cursor that this API never gave', sessions, 'cursor', cursors],
    ['a cursor where none is known', messages, 'cursor', ['x']],
    ['a user', sessions, 'user_id', ['visitor:x']],
    ['a token', messages, 'visitor_token', [`vst_${'a'.repeat(43)}`]],
    ['a prototype', sessions, '__proto__', ['1']],
  ])('with %s is refused: %s, %s', async (_, path, name, values) => {
    for (const value of values) {
      const problem = await refusal(400, `${path}?${name}=${value}`)
      expect(fieldsOf(problem), value).toEqual([name])
    }
  })
})
