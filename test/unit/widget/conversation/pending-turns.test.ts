import { afterEach, expect, test, vi } from 'vitest'
import { createSiteStore } from '../../../../src/widget/client/site-store.ts'
import {
  addPending,
  holdPending,
  readPending,
  removePending,
} from '../../../../src/widget/conversation/pending-turns.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

test('pending turns keep their order, each once, and a broken entry is ignored', () => {
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
  // A held turn is not sent without the visitor.
  holdPending(store, 'b')
  expect(pending('s1')).toEqual([
    ['a', true],
    ['b', false],
  ])
  for (const id of ['a', 'b', 'c']) removePending(store, id)
  expect(store.get('pending')).toBeUndefined()
})
