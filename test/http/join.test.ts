import { describe, expect, test } from 'vitest'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { checkpointTurn } from '../../src/db/turns/finish-turn.ts'
import { newVisitor, parseEvents } from '../rigs/client.ts'
import { finish, testDatabase, turnCheckpoint, turnStart } from '../rigs/conversation.ts'
import type { DatabaseCall, DatabaseFault } from '../rigs/database-proxy.ts'
import { useRig } from '../rigs/start-rig.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const { rig, visitor } = useRig()

async function join(path: string, place?: number) {
  const headers = place === undefined ? {} : { 'last-event-id': String(place) }
  const response = await visitor.request('GET', path, undefined, headers)
  const text = await response.text()
  expect(response.status, text).toBe(200)
  return parseEvents(text)
}

const textOf = (events: { event: string; data: { text?: string } }[]) =>
  events.map(({ data }) => data.text ?? '').join('')

/** Starts a long turn; resolves once it has begun. */
async function begin(message: string, client = visitor) {
  const response = await client.request(
    'POST',
    '/v1/chat',
    { message, message_id: crypto.randomUUID() },
    { accept: 'text/event-stream' },
  )
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const { value } = await reader.read()
  const [started] = parseEvents(new TextDecoder().decode(value))
  const { session_id, reply_id } = started?.data ?? {}
  return { session_id, path: `/v1/sessions/${session_id}/messages/${reply_id}/stream`, reader }
}

describe('joining a reply', () => {
  test('that is complete sends the whole text at once', async () => {
    const { session_id, reply } = await visitor.chat({ message: 'Hello' })
    const events = await join(`/v1/sessions/${session_id}/messages/${reply.id}/stream`)
    expect(events).toEqual([
      { event: 'delta', id: reply.content.length, data: { text: reply.content } },
      { event: 'turn.completed', id: reply.content.length, data: { reply } },
    ])
  })

  test('from any place in its text continues exactly there, and never inside a character', async () => {
    const text = 'a😀b👩‍👧c'
    const { session_id, reply } = await visitor.chat({
      message: `[[reply ${JSON.stringify(text)}]]`,
    })
    const path = `/v1/sessions/${session_id}/messages/${reply.id}/stream`
    for (let place = 0; place <= text.length; place += 1) {
      const events = await join(path, place)
      const rest = textOf(events)
      expect(text.endsWith(rest)).toBe(true)
      expect(rest.isWellFormed()).toBe(true)
      expect([text.length - place, text.length - place + 1]).toContain(rest.length)
    }
    expect(textOf(await join(path, 10_000))).toBe('')
  })

  test('of a session tells which reply it is', async () => {
    const { session_id, path, reader } = await begin('[[fault pace ms=40]] write 40 words')
    const joined = await visitor.request('GET', `/v1/sessions/${session_id}/stream`)
    expect(path).toContain(joined.headers.get('x-reply-id'))
    await joined.body?.cancel()
    await reader.cancel()
  })

  test('that is running never begins inside a character', async () => {
    const text = `a😀b ${'and more '.repeat(20)}`
    const { path, reader } = await begin(`[[fault pace ms=40]] [[reply ${JSON.stringify(text)}]]`)
    const events = await join(path, 2)
    await reader.cancel()
    expect(textOf(events).startsWith('😀b')).toBe(true)
  })

  test('that is running shows it grow, from another request, to its end', async () => {
    const { path } = await begin('[[fault pace ms=40]] write 120 words')
    const events = await join(path)
    const deltas = events.filter(({ event }) => event === 'delta')
    // First the text of the checkpoint at 2 s, then the rest.
    expect(deltas.length).toBeGreaterThan(1)
    for (const [index, { id }] of deltas.entries())
      expect(id).toBe(textOf(deltas.slice(0, index + 1)).length)
    expect(events.at(-1)).toMatchObject({
      event: 'turn.completed',
      data: { reply: { content: textOf(deltas), status: 'complete' } },
    })
  })

  test('that was interrupted or failed says so, with the text so far', async () => {
    const cut = await visitor.chat({ message: '[[fault cut after=3]] write 20 words' })
    const events = await join(`/v1/sessions/${cut.session_id}/messages/${cut.reply.id}/stream`)
    expect(events.at(-1)).toMatchObject({
      event: 'turn.failed',
      data: { code: 'model_unavailable', retryable: false, reply: cut.reply },
    })
    const failed = await visitor.expect(502, 'POST', '/v1/chat', {
      message: '[[fault status=500]]',
    })
    const { data } = await visitor.expect(200, 'GET', `/v1/sessions/${failed.session_id}/messages`)
    const [last] = await join(`/v1/sessions/${failed.session_id}/messages/${data[1].id}/stream`)
    expect(last).toMatchObject({ event: 'turn.failed', data: { retryable: true } })
  })

  test('that was superseded is complete only if it was before', async () => {
    for (const [message, last] of [
      ['Hello', 'turn.completed'],
      ['[[fault cut after=3 times=1]] write 20 words', 'turn.failed'],
    ]) {
      const turn = { message, message_id: crypto.randomUUID() }
      const { session_id, reply } = await visitor.chat(turn)
      await visitor.chat({ ...turn, session_id, regenerate: reply.id })
      const events = await join(`/v1/sessions/${session_id}/messages/${reply.id}/stream`)
      expect(events.at(-1)).toMatchObject({
        event: last,
        data: { reply: { status: 'superseded', content: reply.content } },
      })
    }
  })

  test("of another user's session, or of no reply, is the same 404", async () => {
    const { session_id, reply, history } = await visitor.chat({ message: 'Hello' })
    const stranger = await newVisitor(rig.url)
    const paths = [
      `${session_id}/messages/${reply.id}`,
      `${crypto.randomUUID()}/messages/${reply.id}`,
    ]
    for (const path of paths) await stranger.expect(404, 'GET', `/v1/sessions/${path}/stream`)
    for (const id of [history[0]?.id, crypto.randomUUID(), 'x'])
      await visitor.expect(404, 'GET', `/v1/sessions/${session_id}/messages/${id}/stream`)
  })
})

describe('joining a reply that grows while it is read', () => {
  const isRead = ({ statements }: DatabaseCall) => statements[0]?.includes('is_running')

  /**
   * Joins a reply that has, at each read of the join, the next of these texts; then it ends with the last one.
   * @returns the events, and the bytes of each read's answer
   */
  async function joinGrowing(texts: string[], fault: (read: number) => DatabaseFault | undefined) {
    const db = testDatabase()
    const start = turnStart({ userId: visitorIdOf(visitor.token ?? '') })
    await beginTurn(db, start)
    await checkpointTurn(db, start, turnCheckpoint({ content: texts[0] ?? '' }))
    let read = 0
    rig.database.fault = async (call) => {
      if (!isRead(call)) return undefined
      read += 1
      const content = texts[read]
      if (content === undefined) await finish(db, start, { content: texts.at(-1) ?? '' })
      else await checkpointTurn(db, start, turnCheckpoint({ content }))
      return fault(read)
    }
    const events = await join(`/v1/sessions/${start.sessionId}/messages/${start.replyId}/stream`)
    return { events, bytes: rig.database.calls.filter(isRead).map((call) => call.bytes) }
  }

  const piece = 'Grüße 😀 '.repeat(500)
  const pieceBytes = Buffer.byteLength(piece)
  /** Of an answer beside the text: its status and the descriptions of two columns. */
  const frameBytes = 600
  const growing = [1, 2, 3, 3, 4, 5, 5, 6].map((pieces) => piece.repeat(pieces))

  test('reads each part of its text once, and little where there is nothing new', async () => {
    const { events, bytes } = await joinGrowing(growing, () => undefined)
    expect(textOf(events)).toBe(growing.at(-1))
    expect(events.at(-1)).toMatchObject({
      event: 'turn.completed',
      data: { reply: { content: growing.at(-1), status: 'complete' } },
    })
    const gained = growing
      .slice(1)
      .map((text, index) => text.length - (growing[index]?.length ?? 0))
    expect(bytes).toHaveLength(growing.length)
    for (const [index, length] of gained.entries())
      expect(bytes[index]).toBeLessThan((length / piece.length) * pieceBytes + frameBytes)
    // The last read brings the whole reply, which is what counts.
    expect(bytes.at(-1)).toBeLessThan(6 * pieceBytes + 2 * frameBytes)
  }, 60_000)

  test('misses nothing if a read fails', async () => {
    const texts = growing.slice(0, 4)
    const { events } = await joinGrowing(texts, (read) => (read === 2 ? 'reset before' : undefined))
    expect(textOf(events)).toBe(texts.at(-1))
    expect(events.at(-1)?.event).toBe('turn.completed')
  }, 60_000)

  test('ends without its last event if the database fails', async () => {
    const { events } = await joinGrowing(growing, (read) => (read > 1 ? 'reset before' : undefined))
    expect(textOf(events)).toBe(growing[1])
    expect(events.every(({ event }) => event === 'delta')).toBe(true)
    expect(rig.database.calls.filter(isRead)).toHaveLength(3)
  }, 60_000)
})

describe('joining whatever reply a session is writing', () => {
  test('shows it grow to its end, without knowing its id', async () => {
    const { session_id } = await begin('[[fault pace ms=40]] write 30 words')
    const events = await join(`/v1/sessions/${session_id}/stream`)
    const { data } = await visitor.expect(200, 'GET', `/v1/sessions/${session_id}/messages`)
    expect(events.at(-1)).toMatchObject({ event: 'turn.completed', data: { reply: data[1] } })
    expect(textOf(events)).toBe(data[1].content)
  })

  test('is a 204 where no reply is running: in an empty session, and after a reply has ended', async () => {
    const { id } = await visitor.expect(201, 'POST', '/v1/sessions', {})
    const { session_id } = await visitor.chat({ message: 'Hello' })
    for (const sessionId of [id, session_id])
      await visitor.expect(204, 'GET', `/v1/sessions/${sessionId}/stream`)
  })

  test('of another user, or of none, is a 404', async () => {
    const { session_id } = await begin('[[fault pace ms=40]] write 30 words')
    const stranger = await newVisitor(rig.url)
    for (const sessionId of [session_id, crypto.randomUUID(), 'x'])
      await stranger.expect(404, 'GET', `/v1/sessions/${sessionId}/stream`)
  })
})

describe('stopping', () => {
  test('from another request ends the turn and keeps the text as interrupted', async () => {
    const { session_id, path } = await begin('[[fault pace ms=50]] write 400 words')
    const answer = await visitor.expect(200, 'POST', `/v1/sessions/${session_id}/stop`)
    expect(answer).toEqual({ stopped: true })
    const events = await join(path)
    expect(events.at(-1)).toMatchObject({
      event: 'turn.failed',
      data: { code: 'stopped', retryable: false, reply: { status: 'interrupted' } },
    })
    expect(await visitor.expect(200, 'POST', `/v1/sessions/${session_id}/stop`)).toEqual({
      stopped: false,
    })
  })

  test("another user's session, or none, is a 404", async () => {
    const { session_id } = await visitor.chat({ message: 'Hello' })
    const stranger = await newVisitor(rig.url)
    await stranger.expect(404, 'POST', `/v1/sessions/${session_id}/stop`)
    await visitor.expect(404, 'POST', `/v1/sessions/${crypto.randomUUID()}/stop`)
  })
})
