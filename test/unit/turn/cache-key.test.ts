import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { cacheKeyOf } from '../../../src/turn/cache-key.ts'

test('the key of a session is always the same, and another one than that of any other session', async () => {
  const [id, other] = [crypto.randomUUID(), crypto.randomUUID()]
  const key = await cacheKeyOf(id)
  expect(await cacheKeyOf(id)).toBe(key)
  expect(await cacheKeyOf(other)).not.toBe(key)
})

test('the key of a session is the beginning of a hash, and holds nothing of its id', async () => {
  const id = crypto.randomUUID()
  const hash = createHash('sha256').update(id).digest('base64url')
  expect(await cacheKeyOf(id)).toBe(hash.slice(0, 32))
})
