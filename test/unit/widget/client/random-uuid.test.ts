import { afterEach, expect, test, vi } from 'vitest'
import { randomUuid } from '../../../../src/widget/client/random-uuid.ts'

afterEach(() => vi.unstubAllGlobals())

test('without crypto.randomUUID, as on a page without TLS, ids are random UUIDs too', () => {
  const getRandomValues = crypto.getRandomValues.bind(crypto)
  vi.stubGlobal('crypto', { getRandomValues })
  const ids = Array.from({ length: 1000 }, randomUuid)
  for (const id of ids) {
    expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  }
  expect(new Set(ids).size).toBe(1000)
  // Each place takes each digit that it may take.
  for (const place of [0, 15, 35]) expect(new Set(ids.map((id) => id[place])).size).toBe(16)
  expect(new Set(ids.map((id) => id[19])).size).toBe(4)
})
