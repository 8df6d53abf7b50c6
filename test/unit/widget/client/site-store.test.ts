import { afterEach, expect, test, vi } from 'vitest'
import { createSiteStore } from '../../../../src/widget/client/site-store.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

test('if localStorage is blocked, entries last until the page is closed', () => {
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

test('a signed-in user has separate entries from the visitor', () => {
  const keys = [createSiteStore('https://a.example'), createSiteStore('https://a.example', 'ada')]
  expect(new Set(keys.map(({ key }) => key)).size).toBe(2)
})
