import { afterEach, expect, test, vi } from 'vitest'
import {
  addPending,
  holdPending,
  readPending,
  removePending,
} from '../../../src/widget/conversation/pending-turns.ts'
import { createSiteStore } from '../../../src/widget/client/site-store.ts'

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

test('a signed-in user’s entries are apart from the visitor’s', () => {
  const keys = [createSiteStore('https://a.example'), createSiteStore('https://a.example', 'ada')]
  expect(new Set(keys.map(({ key }) => key)).size).toBe(2)
})

test('unsent turns are kept in their order, once each, whatever a script of the page wrote there', () => {
  vi.stubGlobal('localStorage', undefined)
  const store = createSiteStore('')
  store.set('pending', '[null, 1, {"turn": {"id": 1}}, {"sentAt": 1}')
  expect(readPending(store, undefined)).toEqual([])
  store.set('pending', '[null, 1, {"turn": {"id": 1}}, {"sentAt": 1}]')
  addPending(store, { id: 'a', message: 'one' }, 's1')
  addPending(store, { id: 'b', message: 'two' }, 's1')
  addPending(store, { id: 'b', message: 'two' }, 's1')
  addPending(store, { id: 'c', message: 'for another session' }, undefined)
  const pending = (session?: string) =>
    readPending(store, session).map(({ turn, isFresh }) => [turn.id, isFresh])
  expect(pending('s1')).toEqual([
    ['a', true],
    ['b', true],
  ])
  expect(pending()).toEqual([['c', true]])
  // Held, it waits for the visitor's word.
  holdPending(store, 'b')
  expect(pending('s1')).toEqual([
    ['a', true],
    ['b', false],
  ])
  for (const id of ['a', 'b', 'c']) removePending(store, id)
  expect(store.get('pending')).toBeUndefined()
})
