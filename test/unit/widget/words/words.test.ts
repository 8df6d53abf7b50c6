import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { failureOf, parseRetryAfter } from '../../../../src/widget/client/chat-failure.ts'
import { englishLater } from '../../../../src/widget/words/english-later.ts'
import { explain } from '../../../../src/widget/words/explain.ts'
import { findTranslation } from '../../../../src/widget/words/languages.ts'
import { english } from '../../../../src/widget/words/words.ts'

const words = { ...english, ...englishLater }

const problem = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  failureOf(new Response(JSON.stringify(body), { status, headers })).then((failure) =>
    explain(words, failure),
  )

test('a server fault is explained without the detail of the server', async () => {
  const body = { code: 'schema_outdated', title: 'The database has not been migrated', detail: 'x' }
  expect(await problem(503, body)).toBe('The chat does not work just now.')
})

test('a fault of the visitor is explained by the detail of the server', async () => {
  const body = { code: 'invalid_request', title: 'No', detail: 'message: must not be blank' }
  expect(await problem(400, body)).toBe('message: must not be blank')
})

test('a wait is given in seconds or minutes', async () => {
  expect(await problem(429, {}, { 'retry-after': '20' })).toBe(
    'Too many messages for now. Try again in 20 seconds.',
  )
  expect(await problem(429, {}, { 'retry-after': '3600' })).toBe(
    'Too many messages for now. Try again in 60 minutes.',
  )
})

test.each([null, 1, 'x', [], { code: {}, detail: [1], title: null, reply: 3 }])(
  'a malformed problem %j is still explained',
  async (body) => {
    expect(await problem(400, body)).toBe('This message was not accepted.')
  },
)

test('Retry-After is read as seconds or a date, and anything else is ignored', () => {
  expect(parseRetryAfter('7')).toBe(7000)
  expect(parseRetryAfter(new Date(0).toUTCString())).toBe(0)
  expect(parseRetryAfter('soon')).toBeUndefined()
  expect(parseRetryAfter(null)).toBeUndefined()
})

const languages = readdirSync(
  new URL('../../../../src/widget/words/translations', import.meta.url),
).map((name) => name.replace('.ts', ''))

test.each(languages)('%s has every text, and {count} in the same ones', async (tag) => {
  const load = findTranslation(tag)
  const { words: translated }: { words: Record<string, string> } = await load!()
  expect(Object.keys(translated)).toEqual(Object.keys(words))
  for (const [name, sentence] of Object.entries<string>(words)) {
    expect(translated[name], name).toMatch(/\S/)
    expect(translated[name]?.includes('{count}'), name).toBe(sentence.includes('{count}'))
  }
})

test('a language is found by its tag in any region, and an unknown tag has no translation', () => {
  expect(findTranslation('pt-BR')).toBe(findTranslation('pt'))
  expect(findTranslation('ZH-hant-TW')).toBe(findTranslation('zh'))
  for (const tag of ['en', 'en-GB', '', 'tlh', 'constructor']) {
    expect(findTranslation(tag)).toBeUndefined()
  }
})
