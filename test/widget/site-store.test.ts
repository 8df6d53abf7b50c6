import { afterEach, expect, test, vi } from 'vitest'
import { addPending, readPending, removePending } from '../../src/widget/pending-turns.ts'
import { createSiteStore } from '../../src/widget/site-store.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

test('where localStorage is blocked, what is stored holds until the page is left', () => {
  vi.stubGlobal('localStorage', undefined)
  const store = createSiteStore('https://a.example')
  store.set('token', 'vst_x')
  expect(store.get('token')).toBe('vst_x')
  store.set('token', undefined)
  expect(store.get('token')).toBeUndefined()
})

test('each server has its own entries', () => {
  const entries = new Map<string, string>()
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => entries.get(key) ?? null,
    setItem: (key: string, value: string) => entries.set(key, value),
    removeItem: (key: string) => entries.delete(key),
  })
  createSiteStore('https://a.example').set('token', 'a')
  createSiteStore('https://b.example').set('token', 'b')
  expect(createSiteStore('https://a.example').get('token')).toBe('a')
})

test('unsent turns are kept in their order, once each, whatever a script of the page wrote there', () => {
  vi.stubGlobal('localStorage', undefined)
  const store = createSiteStore('')
  store.set('pending', '[null, 1, {"turn": {"id": 1}}, {"sentAt": 1}')
  expect(readPending(store)).toEqual([])
  store.set('pending', '[null, 1, {"turn": {"id": 1}}, {"sentAt": 1}]')
  addPending(store, { id: 'a', message: 'one' })
  addPending(store, { id: 'b', message: 'two' })
  addPending(store, { id: 'b', message: 'two' })
  expect(readPending(store).map(({ turn, isFresh }) => [turn.id, isFresh])).toEqual([
    ['a', true],
    ['b', true],
  ])
  removePending(store, 'a')
  removePending(store, 'b')
  expect(store.get('pending')).toBeUndefined()
})
