import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { checkpointTurn } from '../../src/db/turns/finish-turn.ts'
import type { Receipt, ReceiptPart } from '../../src/protocol-receipt.ts'
import { type Client, newVisitor } from '../rigs/client.ts'
import { expireLease, testDatabase, turnCheckpoint, turnStart } from '../rigs/conversation.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'
import { storedMessages } from '../rigs/stored-session.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const db = testDatabase()

const systemPrompt = 'You sell bicycles and keep your secrets.'
let rig: Rig
let visitor: Client
beforeAll(async () => {
  rig = await startRig({
    SYSTEM_PROMPT: systemPrompt,
    CONTEXT_MAX_TURNS: '3',
    RECALL_TOKENS: '0',
  })
})
beforeEach(async () => {
  visitor = await newVisitor(rig.worker.url)
  rig.model.clear()
})
afterAll(() => rig.close())

async function sessionOf(turns: number): Promise<{ path: string; replyIds: string[] }> {
  let sessionId: string | undefined
  const replyIds: string[] = []
  for (let turn = 1; turn <= turns; turn += 1) {
    const answer = await visitor.chat({ message: `Question ${turn}`, session_id: sessionId })
    sessionId = answer.session_id
    replyIds.push(answer.reply.id)
  }
  return { path: `/v1/sessions/${sessionId}`, replyIds }
}

/** The messages of a receipt, without the system prompt. */
function messagesOf({ parts }: Receipt) {
  return parts.flatMap((part) => ('messages' in part ? (part.messages ?? []) : []))
}

/** The last prompt that the model was sent, without the system prompt. */
function lastPrompt() {
  const body = rig.model.requests.at(-1)?.body as { messages: { role: string; content: string }[] }
  return body.messages.slice(1)
}

function sumOf({ tokens }: Receipt) {
  const { system, turns, recalled, message, overhead } = tokens
  return (system ?? 0) + turns + recalled + message + overhead
}

const kinds = (parts: ReceiptPart[]) => parts.map(({ part }) => part)

describe('the receipt of the next message', () => {
  test('is what the model is sent when the message comes, and costs no call of the model', async () => {
    const { path } = await sessionOf(2)
    const calls = rig.model.requests.length
    const message = 'What did I ask?'
    const receipt: Receipt = await visitor.expect(200, 'POST', `${path}/context`, { message })
    expect(rig.model.requests).toHaveLength(calls)
    expect(kinds(receipt.parts)).toEqual(['system', 'turn', 'turn', 'message'])

    await visitor.chat({ message, session_id: path.split('/').at(-1) })
    expect(messagesOf(receipt)).toEqual(lastPrompt())
    expect(receipt.left_out).toEqual([])
    expect(receipt.tokens.total).toBe(sumOf(receipt))
    const { total = 0, reply = 0, left } = receipt.budget ?? {}
    expect(left).toBe(total - reply - receipt.tokens.total)
  })

  test('stores and spends nothing', async () => {
    const { path } = await sessionOf(1)
    const before = await visitor.expect(200, 'GET', '/v1/usage')
    await visitor.expect(200, 'POST', `${path}/context`, { message: 'Hello' })
    expect(await visitor.expect(200, 'GET', '/v1/usage')).toEqual(before)
    expect((await visitor.expect(200, 'GET', `${path}/messages`)).data).toHaveLength(2)
  })

  test('names what is left out, and why', async () => {
    const { path } = await sessionOf(5)
    const failing = { session_id: path.split('/').at(-1), message: '[[fault status=500]]' }
    await visitor.expect(502, 'POST', '/v1/chat', failing)
    const receipt: Receipt = await visitor.expect(200, 'POST', `${path}/context`, { message: 'Hi' })
    expect(kinds(receipt.parts)).toEqual(['system', 'turn', 'turn', 'turn', 'message'])
    expect(receipt.left_out).toEqual([
      { from_seq: 12, to_seq: 12, turns: 1, reason: 'failed' },
      { from_seq: 2, to_seq: 4, turns: 2, reason: 'max_turns' },
    ])
  })

  test('names a failed reply of a session that has no other', async () => {
    const failing = { message: '[[fault status=500]]', message_id: crypto.randomUUID() }
    const { session_id } = await visitor.expect(502, 'POST', '/v1/chat', failing)
    const path = `/v1/sessions/${session_id}/context`
    const receipt: Receipt = await visitor.expect(200, 'POST', path, { message: 'Hi' })
    expect(receipt.left_out).toEqual([{ from_seq: 2, to_seq: 2, turns: 1, reason: 'failed' }])
  })

  test('holds the text of a reply whose Worker died, and leaves its turn as it is', async () => {
    const { path } = await sessionOf(2)
    const sessionId = path.split('/').at(-1) ?? ''
    const start = turnStart({ sessionId, userId: visitorIdOf(visitor.token ?? '') })
    await beginTurn(db, start)
    await checkpointTurn(db, start, turnCheckpoint({ content: 'So far' }))
    await expireLease(db, start)
    const message = 'And then?'
    const receipt: Receipt = await visitor.expect(200, 'POST', `${path}/context`, { message })
    expect(kinds(receipt.parts)).toEqual(['system', 'turn', 'turn', 'turn', 'message'])
    expect(messagesOf(receipt).at(-2)).toEqual({ role: 'assistant', content: 'So far' })
    expect(receipt.left_out).toEqual([])
    const reply = (await storedMessages(db, sessionId)).at(-1)
    expect(reply).toMatchObject({ status: 'streaming', lease: start.lease })

    await visitor.chat({ message, session_id: sessionId })
    expect(messagesOf(receipt)).toEqual(lastPrompt())
  })

  test('counts a quotation with the message', async () => {
    const { path } = await sessionOf(1)
    const bare: Receipt = await visitor.expect(200, 'POST', `${path}/context`, { message: 'Hi' })
    const quoting: Receipt = await visitor.expect(200, 'POST', `${path}/context`, {
      message: 'Hi',
      context_text: 'A sentence on the page.',
    })
    expect(quoting.tokens.message).toBeGreaterThan(bare.tokens.message + 5)
    expect(quoting.parts.at(-1)).toMatchObject({
      messages: [{ role: 'user', content: 'Hi', context_text: 'A sentence on the page.' }],
    })
  })

  test('never shows the system prompt', async () => {
    const { path, replyIds } = await sessionOf(1)
    const next = await visitor.expect(200, 'POST', `${path}/context`, { message: 'Hi' })
    const sent = await visitor.expect(200, 'GET', `${path}/messages/${replyIds[0]}/context`)
    for (const receipt of [next, sent]) {
      expect(JSON.stringify(receipt)).not.toContain('bicycles')
      expect(receipt.tokens.system).toBeGreaterThan(0)
    }
  })

  test('of a message that cannot fit is a 413', async () => {
    const { path } = await sessionOf(1)
    const problem = await visitor.expect(413, 'POST', `${path}/context`, {
      message: '漢'.repeat(8_000),
      context_text: '漢'.repeat(8_000),
    })
    expect(problem.code).toBe('message_too_long')
  })
})

describe('the receipt of a reply', () => {
  test('is what the model was sent for it, however the session went on', async () => {
    const { path, replyIds } = await sessionOf(2)
    const prompt = lastPrompt()
    const body = { message: 'Question 3', session_id: path.split('/').at(-1) }
    await visitor.chat(body)
    const receipt: Receipt = await visitor.expect(
      200,
      'GET',
      `${path}/messages/${replyIds[1]}/context`,
    )
    expect(receipt.reply_id).toBe(replyIds[1])
    expect(messagesOf(receipt)).toEqual(prompt)
    expect(receipt.usage).toEqual({
      prompt_tokens: expect.any(Number),
      completion_tokens: expect.any(Number),
      cached_tokens: 0,
    })
    expect(receipt.tokens.total).toBe(sumOf(receipt))
    expect(receipt).not.toHaveProperty('budget')
  })

  test.each([
    { prompt_tokens: 1_400, cacheable_tokens: 1_280 },
    { prompt_tokens: 900, cacheable_tokens: 0 },
  ])('says that a cache can reuse at most the prompt as it was counted: %j', async (counted) => {
    const { prompt_tokens, cacheable_tokens } = counted
    const { session_id } = await visitor.chat({ message: 'write 900 words' })
    for (const message of ['write 901 words', 'Hello']) await visitor.chat({ session_id, message })
    const { reply } = await visitor.chat({ session_id, message: 'And then?' })
    const path = `/v1/sessions/${session_id}/messages/${reply.id}/context`
    const receipt: Receipt = await visitor.expect(200, 'GET', path)
    expect(receipt.usage?.prompt_tokens).toBeGreaterThanOrEqual(receipt.cacheable_tokens)
    expect(receipt.cacheable_tokens).toBeGreaterThan(prompt_tokens)
    await db.kysely
      .updateTable('messages')
      .set({ prompt_tokens })
      .where('session_id', '=', session_id)
      .where('id', '=', reply.id)
      .execute()
    expect(await visitor.expect(200, 'GET', path)).toMatchObject({ cacheable_tokens })
  })

  test('names the older turns that its window did not hold', async () => {
    const { path, replyIds } = await sessionOf(5)
    const receipt: Receipt = await visitor.expect(
      200,
      'GET',
      `${path}/messages/${replyIds[4]}/context`,
    )
    expect(receipt.parts.flatMap((part) => (part.part === 'turn' ? [part.seq] : []))).toEqual([
      3, 5, 7,
    ])
    expect(receipt.left_out).toEqual([
      { from_seq: 2, to_seq: 2, turns: 1, reason: 'older_than_window' },
    ])
  })

  test('whose context was too long is of the shorter window that was sent second', async () => {
    const { path } = await sessionOf(3)
    const calls = rig.model.requests.length
    const session_id = path.split('/').at(-1)
    const { reply } = await visitor.chat({
      message: '[[fault context-length over=150]] Hi',
      session_id,
    })
    expect(rig.model.requests).toHaveLength(calls + 2)
    const receipt: Receipt = await visitor.expect(
      200,
      'GET',
      `${path}/messages/${reply.id}/context`,
    )
    expect(messagesOf(receipt)).toEqual(lastPrompt())
    expect(receipt.left_out).toMatchObject([{ reason: 'older_than_window' }])
  })

  test('that another took the place of is left out of its receipt', async () => {
    const { path, replyIds } = await sessionOf(1)
    const { data } = await visitor.expect(200, 'GET', `${path}/messages`)
    const again = { message: 'Question 1', message_id: data[0].id, regenerate: replyIds[0] }
    const session_id = path.split('/').at(-1)
    const { reply } = await visitor.chat({ ...again, session_id })
    const receipt: Receipt = await visitor.expect(
      200,
      'GET',
      `${path}/messages/${reply.id}/context`,
    )
    expect(kinds(receipt.parts)).toEqual(['system', 'message'])
  })

  test('of a message, or of none, is a 404', async () => {
    const { path } = await sessionOf(1)
    const { data } = await visitor.expect(200, 'GET', `${path}/messages`)
    for (const id of [data[0].id, crypto.randomUUID(), 'x'])
      await visitor.expect(404, 'GET', `${path}/messages/${id}/context`)
  })
})
