import { expect, test } from 'vitest'
import { refused, setUpScriptedApi, storeWith } from '../../../rigs/scripted-api.ts'

const serve = setUpScriptedApi()

test('history is read page by page, and a deleted session is forgotten', async () => {
  const store = storeWith({ token: 'vst_0', session: 'a/b' })
  const page = { data: [], has_more: false, next_cursor: null }
  const { client, seen } = await serve(
    [
      (response) =>
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(page)),
      refused(404, 'not_found'),
    ],
    { store },
  )
  const signal = new AbortController().signal
  expect(await client.readMessages('', signal)).toEqual(page)
  expect(await client.readMessages('?before=7', signal)).toBeUndefined()
  expect(await client.readMessages('', signal)).toBeUndefined()
  expect(seen.map(({ route }) => route)).toEqual([
    'GET /v1/sessions/a%2Fb/messages',
    'GET /v1/sessions/a%2Fb/messages?before=7',
  ])
  expect([store.get('token'), store.get('session')]).toEqual(['vst_0', undefined])
})
