import { describe, expect, test } from 'vitest'
import { createClient, newVisitor } from '../rigs/client.ts'
import { startRig, useRig } from '../rigs/start-rig.ts'

const { rig, visitor } = useRig()

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

describe('a conversation', () => {
  test('is remembered: the second answer shows that the model saw the first message', async () => {
    const newcomer = createClient(rig.url)
    const first = await newcomer.chat({ message: 'My name is Ada.' })
    expect(first).toMatchObject({
      session_id: expect.stringMatching(uuid),
      visitor_token: expect.stringMatching(/^vst_[\w-]{43}$/),
      reply: { role: 'assistant', seq: 2, status: 'complete', finish_reason: 'stop' },
      history: [{ seq: 1, role: 'user', content: 'My name is Ada.' }, { seq: 2 }],
      has_more: false,
    })
    newcomer.token = first.visitor_token
    const second = await newcomer.chat({
      session_id: first.session_id,
      message: 'What is my name?',
    })
    expect(second.reply.content).toContain('Ada')
    expect(second).not.toHaveProperty('visitor_token')
    expect(second.history.map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
  })

  test('is sent to the model as system prompt, whole turns and the new message', async () => {
    const { session_id, reply } = await visitor.chat({ message: 'One' })
    await visitor.chat({ session_id, message: 'Two', context_text: 'Some\ntext' })
    expect(rig.model.requests.at(-1)?.messages).toEqual([
      { role: 'system', content: expect.any(String) },
      { role: 'user', content: 'One' },
      { role: 'assistant', content: reply.content },
      {
        role: 'user',
        content: 'The visitor selected this text on the page:\n\n> Some\n> text\n\nTwo',
      },
    ])
  })

  test.each([
    ['a\nb', '> a\n> b'],
    ['a\r\nb', '> a\n> b'],
    ['a\rb', '> a\n> b'],
    ['a\u2028b\u2029c', '> a\n> b\n> c'],
    ['a\n\nb', '> a\n> \n> b'],
    ['> a', '> > a'],
  ])('quotes every line of the selected text, whatever ends a line: %j', async (text, quoted) => {
    await visitor.chat({ message: 'Why?', context_text: text })
    expect(rig.model.requests.at(-1)?.messages.at(-1)?.content).toBe(
      `The visitor selected this text on the page:\n\n${quoted}\n\nWhy?`,
    )
  })

  test('shows its usage as the provider counted it', async () => {
    const { reply } = await visitor.chat({ message: 'Hello' })
    expect(reply.usage).toEqual({
      prompt_tokens: expect.any(Number),
      completion_tokens: expect.any(Number),
    })
  })

  test('answers with as much history as requested', async () => {
    const { session_id } = await visitor.chat({ message: 'One' })
    const none = await visitor.chat({ session_id, message: 'Two', history_limit: 0 })
    expect([none.history, none.has_more]).toEqual([[], true])
    const some = await visitor.chat({ session_id, message: 'Three', history_limit: 3 })
    expect([some.history.map(({ seq }) => seq), some.has_more]).toEqual([[4, 5, 6], true])
  })
})

describe('a stream', () => {
  test('is turn.started, the text in deltas, turn.completed after the commit', async () => {
    const newcomer = createClient(rig.url)
    const events = await newcomer.stream({ message: 'write 40 words' })
    const [started, ...rest] = events
    const completed = rest.pop()
    expect(started).toMatchObject({
      event: 'turn.started',
      id: 0,
      data: { session_id: expect.stringMatching(uuid), reply_id: expect.stringMatching(uuid) },
    })
    expect(new Set(rest.map(({ event }) => event))).toEqual(new Set(['delta']))
    expect(completed).toMatchObject({ event: 'turn.completed', data: { reply: { seq: 2 } } })

    const { reply, server_timing } = completed?.data ?? {}
    expect(server_timing).toMatch(/^db;dur=\d+, model;dur=\d+$/)
    let text = ''
    for (const { id, data } of rest) {
      text += data.text
      expect(id).toBe(text.length)
    }
    expect(text).toBe(reply.content)

    newcomer.token = started?.data.visitor_token
    const path = `/v1/sessions/${started?.data.session_id}/messages`
    const stored = await newcomer.expect(200, 'GET', path)
    expect(stored.data).toEqual([started?.data.message, reply])
  })

  test('keeps line breaks, separators and emoji of the model inside one event each', async () => {
    const newcomer = createClient(rig.url)
    const text = 'a\r\n\ndata: x\n\nevent: turn.failed\u2028\u2029\u0085😀\u0000'
    const events = await newcomer.stream({ message: `[[reply ${JSON.stringify(text)}]]` })
    const deltas = events.filter(({ event }) => event === 'delta')
    expect(deltas.map(({ data }) => data.text).join('')).toBe(text.replace('\0', '\uFFFD'))
    expect(events.map(({ event }) => event).filter((event) => event !== 'delta')).toEqual([
      'turn.started',
      'turn.completed',
    ])
  })

  test('of a replay is the whole text as one delta', async () => {
    const turn = { message: 'Hello', message_id: crypto.randomUUID() }
    const first = await visitor.stream(turn)
    const replay = await visitor.stream(turn)
    const reply = first.at(-1)?.data.reply
    expect(replay).toMatchObject([
      { event: 'turn.started', data: { replayed: true, reply_id: reply.id } },
      { event: 'delta', data: { text: reply.content } },
      { event: 'turn.completed', data: { reply } },
    ])
    expect(rig.model.requests).toHaveLength(1)
  })
})

describe('a retry', () => {
  test('with the same message_id returns the stored reply and calls no model', async () => {
    const turn = { message: 'Hello', message_id: crypto.randomUUID(), metadata: { a: 1 } }
    const first = await visitor.chat(turn)
    const second = await visitor.chat(turn)
    expect(second).toEqual({ ...first, replayed: true })
    expect(rig.model.requests).toHaveLength(1)
  })

  test('with another body is a 422 and stores nothing', async () => {
    const message_id = crypto.randomUUID()
    const { session_id } = await visitor.chat({ message: 'Hello', message_id })
    const problem = await visitor.expect(422, 'POST', '/v1/chat', {
      session_id,
      message_id,
      message: 'Other',
    })
    expect(problem).toMatchObject({ code: 'message_mismatch', status: 422 })
    const { data } = await visitor.expect(200, 'GET', `/v1/sessions/${session_id}/messages`)
    expect(data).toHaveLength(2)
  })

  test('of a failed turn runs it again under the same message', async () => {
    const message = '[[fault status=500 times=1 id=retry]] My name is Ada.'
    const turn = { message, message_id: crypto.randomUUID() }
    const problem = await visitor.expect(502, 'POST', '/v1/chat', turn)
    expect(problem).toMatchObject({
      code: 'model_unavailable',
      retryable: true,
      message_id: turn.message_id,
      session_id: expect.stringMatching(uuid),
    })
    const { history } = await visitor.chat(turn)
    expect(history.map(({ seq, status }) => [seq, status])).toEqual([
      [1, 'complete'],
      [2, 'complete'],
    ])
  })

  test('with regenerate makes a new reply in place of the named one', async () => {
    const turn = { message: 'Hello', message_id: crypto.randomUUID() }
    const { reply, session_id } = await visitor.chat(turn)
    const other = await visitor.chat({ ...turn, session_id, regenerate: reply.id })
    expect(other.history.map(({ seq }) => seq)).toEqual([1, 3])
    const path = `/v1/sessions/${session_id}/messages?superseded=true`
    const { data } = await visitor.expect(200, 'GET', path)
    expect(data.map(({ status }: { status: string }) => status)).toEqual([
      'complete',
      'superseded',
      'complete',
    ])
  })
})

describe('a message that cannot fit in the context window', () => {
  test('is refused with 413 before anything is stored or sent', async () => {
    const small = await startRig({ CONTEXT_TOKEN_BUDGET: '400', MAX_COMPLETION_TOKENS: '100' })
    try {
      const newcomer = await newVisitor(small.url)
      const problem = await newcomer.expect(413, 'POST', '/v1/chat', {
        message: 'word '.repeat(500),
      })
      expect(problem).toMatchObject({ code: 'message_too_long', errors: [{ field: 'message' }] })
      expect(small.timeline).toEqual([])
      expect((await newcomer.expect(200, 'GET', '/v1/sessions')).data).toEqual([])
    } finally {
      await small.close()
    }
  })
})
