import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Caller, payersOf } from '../../../src/turn/payers.ts'

const caps = {
  perUser: 1,
  perAddress: 2,
  perSite: 3,
  addressKey: 'postgres://user:password@host/db',
}
const visitor: Caller = { userId: 'visitor:ada', address: '192.0.2.1' }
const noon = Date.UTC(2026, 0, 1, 12)
beforeEach(() => void vi.useFakeTimers({ now: noon }))
afterEach(() => void vi.useRealTimers())

async function addressOf(change: Partial<Caller> = {}, addressKey = caps.addressKey) {
  const payers = await payersOf({ ...caps, addressKey }, { ...visitor, ...change })
  return payers.find(({ kind }) => kind === 'address')?.name
}

describe('a turn is paid for', () => {
  const user = { kind: 'user', name: 'visitor:ada', maxTokens: 1 }
  const address = { kind: 'address', name: expect.stringMatching(/^address:/), maxTokens: 2 }
  const site = { kind: 'site', name: 'site', maxTokens: 3 }

  test('by the user, the address and the site, in this order', async () => {
    expect(await payersOf(caps, visitor)).toEqual([user, address, site])
  })

  test('by no address of who is signed in, or that nobody tells', async () => {
    const signedIn = { ...visitor, userId: 'user:ada' }
    expect(await payersOf(caps, signedIn)).toEqual([{ ...user, name: 'user:ada' }, site])
    expect(await payersOf(caps, { ...visitor, address: undefined })).toEqual([user, site])
  })

  test('by the user alone where there are no caps', async () => {
    const none = { perUser: undefined, perAddress: undefined, perSite: undefined }
    expect(await payersOf({ ...caps, ...none }, visitor)).toEqual([
      { ...user, maxTokens: undefined },
    ])
  })
})

describe('the name of an address', () => {
  test('is the same all day, whoever the visitor is, and another for every other address', async () => {
    const name = await addressOf()
    expect(await addressOf({ userId: 'visitor:bob' })).toBe(name)
    expect(await addressOf({ address: '192.0.2.2' })).not.toBe(name)
  })

  test('is another on another day, and under another key', async () => {
    const name = await addressOf()
    expect(await addressOf({}, 'postgres://user:other@host/db')).not.toBe(name)
    vi.setSystemTime(Date.UTC(2026, 0, 1, 23, 59, 59, 999))
    expect(await addressOf()).toBe(name)
    vi.setSystemTime(Date.UTC(2026, 0, 2))
    expect(await addressOf()).not.toBe(name)
  })
})
