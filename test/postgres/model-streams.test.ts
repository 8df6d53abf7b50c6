import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { MessageRow } from '../../src/db/schema.ts'
import {
  delta,
  done,
  event,
  finished,
  type Script,
  type ScriptedModel,
  startScriptedModel,
  usage,
} from '../fakes/scripted-model.ts'
import { anyPlaces, anyText, cutAt } from '../generators/cut-text.ts'
import type { ServerEvent } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { useRig } from '../rigs/start-rig.ts'
import { expectSound } from '../rigs/stored-session.ts'

const db = testDatabase()
let model: ScriptedModel
const scripts = new Map<string, Script>()
const { rig, visitor } = useRig(async () => {
  model = await startScriptedModel()
  model.script = (message) => scripts.get(message) ?? { packets: [] }
  return { OPENAI_BASE_URL: model.baseUrl }
})
afterAll(() => model.close())

interface Heard {
  /** All that was streamed. */
  text: string
  last: ServerEvent | undefined
  /** As it is stored. */
  reply: MessageRow
}

/** A streamed turn of this script; what was heard is what is stored, and "done" is said of a complete reply alone. */
async function hear(script: Script | Script['packets'], sessionId?: string): Promise<Heard> {
  const message = crypto.randomUUID()
  const session_id = sessionId ?? (await visitor.expect(201, 'POST', '/v1/sessions', {})).id
  scripts.set(message, Symbol.iterator in script ? { packets: script } : script)
  const events = await visitor.stream({ message, session_id })
  const text = events.map(({ data }) => data.text ?? '').join('')
  const last = events.at(-1)
  const reply = (await expectSound(db, session_id)).at(-1)
  expect(reply?.content).toBe(text)
  expect(text.isWellFormed() && !text.includes('\0')).toBe(true)
  expect(last?.event).toBe(reply?.status === 'complete' ? 'turn.completed' : 'turn.failed')
  expect(last?.data.reply?.content).toBe(reply?.status === 'failed' ? undefined : text)
  expect(last?.id).toBe(text.length)
  const calls = rig.database.calls.filter(({ body }) => body.includes(reply?.id ?? ''))
  expect(calls.length).toBeLessThanOrEqual(25)
  expect(model.calls.filter((call) => call === message)).toHaveLength(1)
  return { text, last, reply: reply as MessageRow }
}

const says = (text: string, status = 'complete') => ({ text, reply: { status } })
const clean = (text: string) => text.toWellFormed().replaceAll('\0', '\uFFFD')

describe('whatever pieces a reply comes in, it is stored as it was told', () => {
  test('cut into deltas anywhere, also inside a character', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, anyPlaces, async (text, places) => {
        const deltas = cutAt(text, places).map(delta)
        const heard = await hear([...deltas, finished(), usage, done])
        const isBlank = text.trim() === ''
        expect(heard).toMatchObject(isBlank ? says('', 'failed') : says(clean(text)))
      }),
      { numRuns: 100 },
    )
  })

  test('with thinking before it, in the same packets', async () => {
    const reply = [delta('<think>Grüße? '), delta('👋🏽</think>\n\n你好, '), delta('<think>!')]
    const bytes = new TextEncoder().encode([...reply, finished(), usage, done].join(''))
    await fc.assert(
      fc.asyncProperty(anyPlaces, async (places) => {
        expect(await hear(cutAt(bytes, places))).toMatchObject(says('你好, <think>!'))
      }),
      { numRuns: 50 },
    )
  })

  test('cut into packets anywhere, also inside a byte sequence, whatever ends a line', async () => {
    const text = 'Grüße, 你好, שלום, 👋🏽!'
    const reply = [delta('Grüße, 你好, '), delta('שלום, 👋🏽!'), finished(), usage, done].join('')
    await fc.assert(
      fc.asyncProperty(anyPlaces, fc.constantFrom('\n', '\r\n', '\r'), async (places, lineEnd) => {
        const bom = places.length % 2 === 0 ? '' : '\uFEFF'
        const bytes = new TextEncoder().encode(bom + reply.replaceAll('\n', lineEnd))
        expect(await hear(cutAt(bytes, places))).toMatchObject(says(text))
      }),
      { numRuns: 100 },
    )
  })

  test('one byte at a time', async () => {
    const bytes = new TextEncoder().encode(`${delta('👋🏽 Hi')}${finished()}${done}`)
    expect(await hear(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toMatchObject(
      says('👋🏽 Hi'),
    )
  })

  test.each([
    ['10,000 tiny ones', Array(10_000).fill('ha ')],
    ['one of 200 KB', ['word '.repeat(40_000)]],
    ['one of 200 KB without a space', ['a'.repeat(200_000)]],
    [
      'emoji that are cut in two',
      Array.from({ length: 9_000 }, (_, index) => (index % 2 ? '\ude00' : '\ud83d')),
    ],
  ])('in %s', async (_pieces, texts: string[]) => {
    const { text, reply } = await hear([...texts.map(delta), finished(), usage, done])
    expect(text === texts.join('')).toBe(true)
    expect(reply.status).toBe('complete')
  })
})

const hi = delta('Hi')

describe('a reply is complete', () => {
  test.each<[string, Script['packets']]>([
    [
      'in the very chunk of its last text',
      [event({ choices: [{ delta: { content: 'Hi' }, finish_reason: 'stop' }] })],
    ],
    ['without usage and without [DONE]', [hi, finished()]],
    [
      'with usage in every chunk',
      [
        event({
          choices: [{ delta: { content: 'Hi' } }],
          usage: { prompt_tokens: 1, completion_tokens: 1 },
        }),
        finished(),
        done,
      ],
    ],
    [
      'with usage that is no number',
      [
        hi,
        finished(),
        event({ choices: [], usage: { prompt_tokens: 'x', completion_tokens: -1 } }),
        done,
      ],
    ],
    ['with null, as a sign of life', [event(null), hi, event(null), finished(), event(null), done]],
    [
      'with a number, a text or a list for a chunk',
      [event(7), hi, event('a'), event([]), finished(), done],
    ],
    ['with events that have no data', ['data:\n\n', hi, 'data\n\n', finished(), done]],
    ['with usage of null', [hi, finished(), event({ choices: [], usage: null }), done]],
    [
      'with comments in between, as proxies send them',
      [': OPENROUTER PROCESSING\n\n', hi, ':\n\n', finished(), done],
    ],
    [
      'with comments and other words in data',
      ['data: : OPENROUTER PROCESSING\n\n', hi, 'data: ping\n\n', 'data: \n\n', finished(), done],
    ],
    [
      'in parts, of which the text parts are text',
      [
        delta([{ type: 'thinking', thinking: [{ type: 'text', text: 'Is it?' }] }]),
        delta([
          { type: 'text', text: 'H' },
          { type: 'text', text: 'i' },
        ]),
        finished(),
        done,
      ],
    ],
    ['with the end in capitals', [hi, finished('STOP'), done]],
    ['with names of events', [`event: chunk\n${hi}`, `event: chunk\n${finished()}`, done]],
    [
      'without a space after the colon',
      [hi, finished(), done].map((each) => each.replace('data: ', 'data:')),
    ],
    [
      'with chunks that have no choices',
      [event({}), event({ choices: [] }), hi, event({ choices: [{}] }), finished(), done],
    ],
    [
      'with deltas that are no text',
      [hi, delta(null), delta(7), delta([7]), delta({ type: 'x', text: 'x' }), finished(), done],
    ],
    ['with a finish_reason told twice', [hi, finished(), finished(), done]],
    [
      'with a fault after the finish, which took nothing from it',
      [hi, finished(), 'data: {"broken\n\n'],
    ],
    [
      'with an error after the finish',
      [hi, finished(), event({ error: { message: 'late', code: null } })],
    ],
  ])('%s', async (_name, packets) => {
    expect(await hear(packets)).toMatchObject({ ...says('Hi'), reply: { finish_reason: 'stop' } })
  })

  test.each([
    ['length', 'length'],
    ['MAX_TOKENS', 'length'],
    ['SAFETY', 'content_filter'],
    ['tool_use', 'tool_calls'],
    ['x'.repeat(10_000), 'x'.repeat(100)],
    ['a\0b\ud800', 'a\uFFFDb\uFFFD'],
  ])('with a word for a regular end, or an unknown one before [DONE] (%#)', async (said, word) => {
    expect(await hear([hi, finished(said), done])).toMatchObject({
      ...says('Hi'),
      last: { data: { reply: { finish_reason: word } } },
    })
  })

  test('that is not streamed, but one JSON object', async () => {
    const packets = ['{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}']
    const headers = { 'content-type': 'application/json' }
    expect(await hear({ packets, headers })).toMatchObject(says('Hi'))
  })
})

test('no count of tokens that a provider tells makes a reply unstorable', async () => {
  const { id } = await visitor.expect(201, 'POST', '/v1/sessions', {})
  const most = [2 ** 31 - 1, 500_000_000].flatMap((tokens) => [tokens, 0, tokens, tokens])
  for (const tokens of [...most, 2 ** 53, -1, 0.5, 1]) {
    const told = { prompt_tokens: tokens, completion_tokens: tokens }
    const packets = [hi, finished(), event({ choices: [], usage: told }), done]
    expect(await hear(packets, id), String(tokens)).toMatchObject(says('Hi'))
  }
  // Nor does nonsense use up the day.
  expect((await visitor.expect(200, 'GET', '/v1/usage')).tokens_left).toBeGreaterThan(0)
})

describe('a reply is not complete', () => {
  test.each<[string, Script['packets']]>([
    ['where the stream merely ended', [hi]],
    ['where it said [DONE] and no finish_reason', [hi, done]],
    ['where the finish_reason is null or empty', [hi, finished(null), finished(''), done]],
    ['where the finish_reason is no text', [hi, finished(1), finished({}), done]],
    ['where the last event has no end', [hi, finished().trimEnd().slice(0, -2)]],
    ['where a chunk is no JSON', [hi, 'data: {"choices\n\n', finished(), done]],
    [
      'where a chunk is an error',
      [hi, event({ error: { message: 'overloaded' } }), finished(), done],
    ],
    ...['error', 'abort', 'cancelled', 'network_error', 'insufficient_system_resource'].map(
      (reason): [string, Script['packets']] => [
        `where the finish_reason is ${reason}`,
        [hi, finished(reason), usage, done],
      ],
    ),
    ['where an unknown finish_reason is the last that came', [hi, finished('whatever')]],
    [
      'where the choice has an error',
      [
        hi,
        event({ choices: [{ delta: {}, finish_reason: 'stop', error: { message: 'x' } }] }),
        done,
      ],
    ],
    [
      'where an event is called error',
      [hi, `event: error\n${event({ message: 'overloaded' })}`, done],
    ],
  ])('%s: interrupted, with the text', async (_name, packets) => {
    expect(await hear(packets)).toMatchObject({
      ...says('Hi', 'interrupted'),
      last: { data: { code: 'model_unavailable', retryable: false } },
    })
  })

  test.each<[string, Script]>([
    ['nothing at all', { packets: [] }],
    ['only [DONE]', { packets: [done] }],
    [
      'a page',
      { packets: ['<!doctype html><p>Sign in'], headers: { 'content-type': 'text/html' } },
    ],
    [
      'a page that says it is a stream of events',
      { packets: ['<!doctype html>\n\n<p>Sign in\n\n'] },
    ],
    [
      'bytes that are no text',
      { packets: [Uint8Array.from({ length: 999 }, (_, index) => index * 7)] },
    ],
    ['an end that broke off', { packets: [finished('error'), done] }],
    [
      'an error as JSON',
      {
        packets: ['{"error":{"message":"overloaded"}}'],
        headers: { 'content-type': 'application/json' },
      },
    ],
  ])('where the model gave %s: failed, and tried again on request', async (_name, script) => {
    expect(await hear(script)).toMatchObject({
      ...says('', 'failed'),
      last: { data: { code: 'model_unavailable', retryable: true } },
    })
  })
})

test('a reply without end is stored up to 1 MiB, cut between two characters', async () => {
  const mib = 1024 * 1024
  function* endless() {
    yield hi
    for (let count = 0; count < 500; count += 1) yield delta('é'.repeat(8_000))
  }
  const { text, reply, last } = await hear(endless())
  expect(reply.status).toBe('interrupted')
  expect(Buffer.byteLength(text)).toBe(mib)
  expect(last).toMatchObject({ data: { code: 'interrupted', retryable: false } })
})
