import { expect, test } from 'vitest'
import { countTokens } from '../../src/turn/tokens/token-count.ts'
import { type Client, newVisitor, parseEvents, type ServerEvent } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'
import { storedMessages } from '../rigs/stored-session.ts'

const db = testDatabase()
const { rig, visitor } = useRig({ OPENAI_MODEL: 'some-model' })
const known = useRig({ OPENAI_MODEL: 'deepseek-r1' })

const forms = ['tag', 'field', 'unopened'] as const
const message = (form: string, more = '') =>
  `[[fault thinking form=${form} words=9${more}]] [[reply "Yes, it is."]]`

const deltas = (events: readonly ServerEvent[]) => events.filter(({ event }) => event === 'delta')

/** The text of a stream, by the rule for clients: a delta continues the text at its `id` less its own length. */
function textOf(events: readonly ServerEvent[]): string {
  return deltas(events).reduce(
    (text, { id, data }) => text.slice(0, id - data.text.length) + data.text,
    '',
  )
}

async function stored(client: Client, sessionId: string) {
  return client.expect(200, 'GET', `/v1/sessions/${sessionId}/messages`)
}

test.each(forms)('thinking is neither stored nor sent again nor counted: %s', async (form) => {
  const { session_id, reply } = await visitor.chat({ message: message(form) })
  expect(reply).toMatchObject({ content: 'Yes, it is.', status: 'complete', finish_reason: 'stop' })
  expect((await stored(visitor, session_id)).data[1]).toEqual(reply)
  const [, row] = await storedMessages(db, session_id)
  expect(row).toMatchObject({ content: 'Yes, it is.' })
  expect(row?.token_count).toBeLessThanOrEqual(countTokens('Yes, it is.'))
  await visitor.chat({ session_id, message: 'And now?' })
  expect(rig.model.requests.at(-1)?.messages.slice(-2, -1)).toEqual([
    { role: 'assistant', content: 'Yes, it is.' },
  ])
})

test.each(['tag', 'field', 'unclosed'])(
  'the stream says once that the model thinks, before any text: %s',
  async (form) => {
    const session = { session_id: (await visitor.expect(201, 'POST', '/v1/sessions', {})).id }
    const accept = { accept: 'text/event-stream' }
    const body = { ...session, message: message(form) }
    const text = await (await visitor.request('POST', '/v1/chat', body, accept)).text()
    expect(text).toContain('\n\nevent: turn.thinking\ndata: {}\n\n')
    const names = parseEvents(text).map(({ event }) => event)
    expect(names.slice(0, 2)).toEqual(['turn.started', 'turn.thinking'])
    expect(names.filter((name) => name === 'turn.thinking')).toHaveLength(1)
    expect(names.at(-1)).toBe(form === 'unclosed' ? 'turn.failed' : 'turn.completed')
    expect(text).not.toMatch(/think>|river|quiet/)
  },
)

test('a reply that is all thinking has no text, and is tried again', async () => {
  const turn = { message: message('unclosed', ' times=1'), message_id: crypto.randomUUID() }
  const response = await visitor.request('POST', '/v1/chat', turn)
  expect(await problemOf(response)).toMatchObject({ code: 'model_empty_reply', retryable: true })
  expect((await visitor.chat(turn)).reply).toMatchObject({ content: 'Yes, it is.' })
})

test('an ordinary reply is not said to think', async () => {
  const events = await visitor.stream({ message: '[[reply "Yes. <think>"]]' })
  expect(textOf(events)).toBe('Yes. <think>')
  expect(events.map(({ event }) => event)).not.toContain('turn.thinking')
})

test('thinking without an opening tag is taken back, and the places in the text stay right', async () => {
  // A reply without thinking: the tests before may have shown what this model writes.
  const paced = '[[fault pace ms=60]]'
  await visitor.chat({ message: '[[reply "No."]]' })
  const events = await visitor.stream({ message: `${paced}${message('unopened', ' id=1')}` })
  expect(deltas(events)[0]?.data.text).not.toContain('Yes')
  expect(textOf(events)).toBe('Yes, it is.')
  const last = events.at(-1)
  expect(last).toMatchObject({
    event: 'turn.completed',
    id: 'Yes, it is.'.length,
    data: { reply: { content: 'Yes, it is.' } },
  })
  const path = `/v1/sessions/${events[0]?.data.session_id}/messages/${events[0]?.data.reply_id}/stream`
  const again = await visitor.request('GET', path, undefined, { 'last-event-id': '5' })
  expect(textOf(parseEvents(await again.text()))).toBe('it is.')
})

test('the next reply of such a model shows nothing before its thinking has ended', async () => {
  await visitor.chat({ message: message('unopened', ' id=2') })
  const events = await visitor.stream({
    message: `[[fault pace ms=20]]${message('unopened', ' id=3')}`,
  })
  expect(events[1]?.event).toBe('turn.thinking')
  expect(
    deltas(events)
      .map(({ data }) => data.text)
      .join(''),
  ).toBe('Yes, it is.')
})

test('a model that is known for it shows nothing in its first reply either', async () => {
  const events = await known.visitor.stream({
    message: `[[fault pace ms=20]]${message('unopened')}`,
  })
  expect(events[1]?.event).toBe('turn.thinking')
  expect(
    deltas(events)
      .map(({ data }) => data.text)
      .join(''),
  ).toBe('Yes, it is.')
})

test('thinking that a checkpoint saved before it was taken back is not in the stored reply', async () => {
  await visitor.chat({ message: '[[reply "No."]]' })
  const { session_id, reply } = await visitor.chat({
    message: `[[fault pace ms=150]][[fault thinking form=unopened words=30]] [[reply "Yes."]]`,
  })
  expect(rig.timeline.filter((call) => call === 'database').length).toBeGreaterThan(4)
  expect(reply.content).toBe('Yes.')
  expect((await storedMessages(db, session_id))[1]?.content).toBe('Yes.')
})

test('thinking is paid for, also where no usage is reported', async () => {
  const spent = async (directives: string) => {
    const client = await newVisitor(rig.url)
    await client.chat({ message: `[[fault no-usage]]${directives}[[reply "Yes."]]` })
    return (await client.expect(200, 'GET', '/v1/usage')).tokens_used
  }
  const without = await spent('[[fault thinking words=0]]')
  expect(await spent('[[fault thinking words=9]]')).toBeGreaterThan(without + 9)
})
