import fc from 'fast-check'
import { expect, test } from 'vitest'
import { writtenChars } from '../../src/stored-text.ts'
import { anyCharacter } from '../generators/any-character.ts'
import { useRig } from '../rigs/start-rig.ts'

const { rig, visitor } = useRig()

const texts = {
  'right to left': 'שלום عليكم \u202eabc\u202c \u2067x\u2069',
  'joined emoji': '👩🏽‍🚀 👨‍👩‍👧‍👦 🏳️‍🌈 🇺🇳 1️⃣',
  'combining marks': 'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L ê e\u0302 \u0301',
  'composed and decomposed': 'é e\u0301 Å Å \u212b',
  'characters beyond the first plane': '𝒳 𠜎 \u{10ffff} \u{1f600}',
  'private and unassigned characters': '\ue000 \uffff \ufffe \ufdd0 \u{e0001}',
  'separators and a byte order mark': 'a\u2028b\u2029c\u0085d\ufeffe\u00a0f\u200bg',
  'control characters': 'a\u0001\u0008\u000b\u000c\u001b[31m\u007f\u009fb',
  'every kind of line break': 'a\rb\nc\r\nd\n\n\n e\t',
  'spaces at both ends': '  \n a \t ',
  'a script': '<script>alert(1)</script><img src=x onerror=alert(1)> &amp; &#x3c;',
  SQL: `'; DROP TABLE messages; -- \\' \\\\ "x" $1 $$ E'\\n' {1,"2",NULL} %s :x ?`,
  JSON: '{"a":"\\u0000\\ud800"} \\u0000 [null]',
  templates: '${x} {{x}} %{x} #{x} `x`',
  '4 KB of a': 'a'.repeat(4_096),
  'a lie about a stream': 'event: turn.failed\ndata: {}\n\n: x',
} as const

/** Sends a text through every field of a turn that takes text; the caller and the model must read it unchanged. */
async function roundTrip(text: string) {
  const short = text.slice(0, 300).toWellFormed()
  const metadata = { [short]: short, list: [short, { [short]: [short] }] }
  const turn = { message: text, context_text: text, metadata, message_id: crypto.randomUUID() }
  const { session_id, history } = await visitor.chat(turn)
  expect(history[0]).toMatchObject({ content: text, context_text: text, metadata })
  const prompt = rig.model.requests.at(-1)?.messages.at(-1)
  expect(prompt?.content.endsWith(`\n\n${text}`)).toBe(true)
  expect(await visitor.chat(turn)).toMatchObject({ replayed: true })
  return session_id
}

/** Sends a text through the fields of a session. */
async function roundTripSession(text: string) {
  const title = text.slice(0, 200).toWellFormed()
  const change = { title, metadata: { [text]: [text] } }
  const created = await visitor.expect(201, 'POST', '/v1/sessions', change)
  expect(created).toMatchObject(change)
  const path = `/v1/sessions/${created.id}`
  expect(await visitor.expect(200, 'GET', path)).toEqual(created)
  expect(await visitor.expect(200, 'PATCH', path, change)).toEqual(created)
}

test.each(Object.entries(texts))('%s comes back as it was sent', async (_, text) => {
  const sessionId = await roundTrip(text)
  await roundTripSession(text.slice(0, 1_000))
  const { data } = await visitor.expect(200, 'GET', `/v1/sessions/${sessionId}/messages`)
  expect(data[0]).toMatchObject({ content: text, context_text: text })
})

const anyText = fc
  .string({ unit: anyCharacter, minLength: 1, maxLength: 60 })
  .filter((text) => !text.includes('\0'))

test('any JSON that fits in metadata comes back as it was sent', () =>
  fc.assert(
    fc.asyncProperty(
      fc.dictionary(anyText, fc.jsonValue({ maxDepth: 3, stringUnit: anyCharacter }), {
        maxKeys: 5,
      }),
      async (generated) => {
        const json = JSON.stringify(generated)
        fc.pre(writtenChars(JSON.parse(json)) <= 4_096 && !json.includes('\\u0000'))
        // JSON has no -0.
        const metadata = JSON.parse(json)
        const { id } = await visitor.expect(201, 'POST', '/v1/sessions', { metadata })
        const session = await visitor.expect(200, 'GET', `/v1/sessions/${id}`)
        expect(session.metadata).toEqual(metadata)
      },
    ),
    { numRuns: 25 },
  ))

test('metadata keeps a key named __proto__ and changes no prototype', async () => {
  const body = '{"metadata":{"__proto__":{"admin":true},"constructor":{"prototype":{"a":1}}}}'
  const { id } = await visitor.expect(201, 'POST', '/v1/sessions', body)
  const response = await visitor.request('GET', `/v1/sessions/${id}`)
  const { metadata } = JSON.parse(await response.text())
  expect(Object.keys(metadata).toSorted()).toEqual(['__proto__', 'constructor'])
  expect(await visitor.expect(200, 'GET', '/v1/sessions?limit=1')).not.toHaveProperty('admin')
})

test('text of exactly the maximum length passes', async () => {
  const message = '😀'.repeat(1_000).padEnd(8_000, 'word ')
  const { history } = await visitor.chat({ message })
  expect(history[0]?.content).toBe(message)
  const metadata = { a: 'a'.repeat(4_096 - '{"a": ""}'.length) }
  const nested = JSON.parse('{"a":'.repeat(5) + '1' + '}'.repeat(5))
  await visitor.expect(201, 'POST', '/v1/sessions', { metadata, title: '😀'.repeat(100) })
  await visitor.expect(201, 'POST', '/v1/sessions', { metadata: nested })
})

test.each([
  ['a line that shows nothing', '\u200b\n \u2060\n', 'Hello'],
  ['spaces and zero-width characters', ' \u200b\ufeff', 'Hello'],
])('a title begins after %s', async (_, before, title) => {
  const { session_id } = await visitor.chat({ message: `${before}${title}\u200b \nAnd more` })
  expect((await visitor.expect(200, 'GET', `/v1/sessions/${session_id}`)).title).toBe(title)
})

test.each([
  '👨‍👩‍👧‍👦',
  '🇺🇳',
  '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
  'e\u0301',
  'क्षि',
  '\u1112\u1161\u11ab',
])('a title never ends inside the character %s', async (character) => {
  const message = 'x'.repeat(79) + character.repeat(3)
  const { session_id } = await visitor.chat({ message })
  const { title } = await visitor.expect(200, 'GET', `/v1/sessions/${session_id}`)
  expect(title).toBe('x'.repeat(79))
})

test('words that need a zero-width character are not blank', async () => {
  for (const message of ['👩‍🚀', 'می‌خواهم', '❤️'])
    expect((await visitor.chat({ message })).history[0]?.content).toBe(message)
})

test('a body of exactly 128 KiB passes', async () => {
  const body = '{"message":"Hello"}'.padEnd(128 * 1024, ' ')
  expect((await visitor.expect(200, 'POST', '/v1/chat', body)).history).toHaveLength(2)
})
