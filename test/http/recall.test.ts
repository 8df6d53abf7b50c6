import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/db/database.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import type { Receipt } from '../../src/protocol-receipt.ts'
import type { Client } from '../rigs/client.ts'
import { expireLease, testDatabase, turnStart } from '../rigs/conversation.ts'
import { type Rig, useRig } from '../rigs/start-rig.ts'
import { storedMessages } from '../rigs/stored-session.ts'

const db = testDatabase()
const heading = 'From earlier in this conversation, oldest first, quoted; it may be out of date:'
const fact = 'Our greyhound is called Quinzel'
/** Of three words or more, so that it takes none of the message before. */
const question = 'Reminder needed: what is our greyhound called?'

/** A session that begins with the fact, and goes on with so many turns about something else. */
async function sessionAfter(visitor: Client, turns: number, first = fact): Promise<string> {
  const { session_id } = await visitor.chat({ message: first })
  for (let turn = 1; turn <= turns; turn += 1)
    await visitor.chat({ session_id, message: `write ${10 + turn} words` })
  return session_id
}

function promptsOf(rig: Rig) {
  return rig.model.requests.map(({ messages }) => messages)
}

function lastMessage(rig: Rig): string {
  return promptsOf(rig).at(-1)?.at(-1)?.content ?? ''
}

function recalledOf({ parts }: Receipt) {
  return parts.find((part) => part.part === 'recalled')
}

describe('a turn that the window does not hold', () => {
  const { rig, visitor } = useRig({ CONTEXT_MAX_TURNS: '2' })

  test('is quoted with the message that asks for it, and answered from', async () => {
    const session_id = await sessionAfter(visitor, 4)
    rig.clear()
    const { reply } = await visitor.chat({ session_id, message: question })
    expect(rig.timeline).toEqual(['database', 'model', 'database'])
    const [prompt = []] = promptsOf(rig)
    expect(prompt.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'user',
      'assistant',
      'user',
    ])
    const today = new Date().toISOString().slice(0, 10)
    const quotation = `${heading}\n\n> [${today}] Visitor: ${fact}\n> You: `
    expect(lastMessage(rig).startsWith(quotation)).toBe(true)
    expect(lastMessage(rig).endsWith(`\n\nNow the visitor writes:\n\n${question}`)).toBe(true)
    expect(reply.content).toContain('Quinzel')
  })

  test('is quoted with its own reply, however many sessions have such a turn', async () => {
    const said = ['amber', 'cobalt', 'indigo']
    const ids: string[] = []
    for (const word of said)
      ids.push(await sessionAfter(visitor, 3, `${fact} [[reply "Noted in ${word}"]]`))
    for (const [index, session_id] of ids.entries()) {
      await visitor.chat({ session_id, message: question })
      const quoted = said.filter((word) => lastMessage(rig).includes(`> You: Noted in ${word}`))
      expect(quoted).toEqual([said[index]])
    }
  })

  test('is quoted alone if the turns beside it are in the window', async () => {
    const session_id = await sessionAfter(visitor, 2)
    await visitor.chat({ session_id, message: question })
    expect((await storedMessages(db, session_id)).at(-1)).toMatchObject({ recalled: [2] })
  })

  test('is not quoted with a message about something else, whose prompt is as without recall', async () => {
    const session_id = await sessionAfter(visitor, 3)
    rig.clear()
    await visitor.chat({ session_id, message: 'zebra giraffe elephant' })
    expect(lastMessage(rig)).toBe('zebra giraffe elephant')
  })

  test('is stored with the reply, and its tokens are refunded with the rest of the debit', async () => {
    const session_id = await sessionAfter(visitor, 3)
    const before = await visitor.expect(200, 'GET', '/v1/usage')
    const { reply } = await visitor.chat({ session_id, message: question })
    const after = await visitor.expect(200, 'GET', '/v1/usage')
    const { prompt_tokens = 0, completion_tokens = 0 } = reply.usage ?? {}
    expect(after.tokens_used - before.tokens_used).toBe(prompt_tokens + completion_tokens)
    const row = (await storedMessages(db, session_id)).at(-1)
    expect(row).toMatchObject({ recalled: [2, 4], recalled_elsewhere: 0 })
    expect(row?.recalled_tokens).toBeGreaterThan(20)
    expect(row?.debited_tokens).toBeGreaterThan(1_000 + prompt_tokens)
  })

  test('is in the receipt of the message and of the reply, with the words that it was found by', async () => {
    const session_id = await sessionAfter(visitor, 5)
    const path = `/v1/sessions/${session_id}`
    const next: Receipt = await visitor.expect(200, 'POST', `${path}/context`, {
      message: question,
    })
    rig.clear()
    const { reply } = await visitor.chat({ session_id, message: question })
    const sent: Receipt = await visitor.expect(200, 'GET', `${path}/messages/${reply.id}/context`)

    expect(next.words).toEqual(expect.arrayContaining(['greyhound', 'called']))
    expect(next).not.toHaveProperty('borrowed_words')
    expect(next.budget?.recall).toBe(1_000)
    const [turn, neighbour] = recalledOf(next)?.turns ?? []
    expect(neighbour).toMatchObject({ seq: 3, because: 'beside', matched: [], share: 0 })
    expect(turn).toMatchObject({
      seq: 1,
      reply_seq: 2,
      because: 'words',
      matched: expect.arrayContaining(['greyhound', 'called']),
      cut: false,
      messages: [{ role: 'user', content: fact }, { role: 'assistant' }],
    })
    expect(turn?.share).toBeGreaterThan(0.3)
    expect(next.left_out).toEqual([{ from_seq: 2, to_seq: 8, turns: 2, reason: 'not_relevant' }])
    expect(next.counts).toBe('bound')

    const quoted = recalledOf(next)?.turns.map(({ score: _score, share: _share, ...rest }) => rest)
    expect(recalledOf(sent)?.turns).toEqual(quoted)
    expect(recalledOf(sent)?.tokens).toBe(recalledOf(next)?.tokens)
    expect(sent.tokens).toEqual(next.tokens)
    expect(sent.usage?.prompt_tokens).toBeLessThanOrEqual(sent.tokens.total)
    expect(sent.left_out).toEqual([
      { from_seq: 2, to_seq: 8, turns: 2, reason: 'older_than_window' },
    ])
    expect(turn?.messages).toHaveLength(2)
    for (const { content } of turn?.messages ?? [])
      expect(lastMessage(rig)).toContain(content.split('\n')[0])
  })

  test('is not sent in the second try, after the provider found the prompt too long', async () => {
    const session_id = await sessionAfter(visitor, 4)
    rig.clear()
    const message = `${question} [[fault context-length over=0 times=1]]`
    const { reply } = await visitor.chat({ session_id, message })
    const [first = [], second = []] = promptsOf(rig)
    expect(first.at(-1)?.content).toContain(heading)
    expect(second.at(-1)?.content).toBe(message)
    expect((await storedMessages(db, session_id)).at(-1)).toMatchObject({
      recalled: null,
      recalled_tokens: 0,
    })
    expect(reply.status).toBe('complete')
  })

  test('is recalled although its Worker died, as far as its reply had come', async () => {
    const { session_id, reply } = await visitor.chat({ message: fact })
    const asDeadWorkerLeaves = {
      status: 'streaming',
      lease: crypto.randomUUID(),
      lease_expires_at: new Date().toISOString(),
      finish_reason: null,
    } as const
    await db.kysely
      .updateTable('messages')
      .set(asDeadWorkerLeaves)
      .where('session_id', '=', session_id)
      .where('id', '=', reply.id)
      .execute()
    await expireLease(db, { sessionId: session_id })
    for (const words of [11, 12, 13])
      await visitor.chat({ session_id, message: `write ${words} words` })
    await visitor.chat({ session_id, message: question })
    expect(lastMessage(rig)).toContain(`Visitor: ${fact}`)
  })

  test.each(['failed', 'superseded'])('is not recalled if its reply is %s', async (status) => {
    const session_id = await sessionAfter(visitor, 4)
    await db.kysely
      .updateTable('messages')
      .set({ status: status as 'failed' })
      .where('session_id', '=', session_id)
      .where('seq', '=', 2)
      .execute()
    await visitor.chat({ session_id, message: question })
    expect(lastMessage(rig)).toBe(question)
  })

  test('belongs to the last message where that has few words of its own', async () => {
    const session_id = await sessionAfter(visitor, 4)
    await visitor.chat({ session_id, message: 'Tell me about the greyhound called Quinzel' })
    await visitor.chat({ session_id, message: 'Why?' })
    expect(lastMessage(rig)).toContain(`Visitor: ${fact}`)
  })

  test('is in both receipts of a message of few words with the words that it borrowed', async () => {
    const session_id = await sessionAfter(visitor, 4)
    const path = `/v1/sessions/${session_id}`
    await visitor.chat({ session_id, message: 'Tell me about the greyhound called Quinzel' })
    const next: Receipt = await visitor.expect(200, 'POST', `${path}/context`, { message: 'Why?' })
    const { reply } = await visitor.chat({ session_id, message: 'Why?' })
    const sent: Receipt = await visitor.expect(200, 'GET', `${path}/messages/${reply.id}/context`)

    expect(next.words).toEqual([])
    expect(next.borrowed_words).toEqual(expect.arrayContaining(['greyhound', 'called', 'quinzel']))
    const [turn, neighbour] = recalledOf(next)?.turns ?? []
    expect(turn).toMatchObject({ seq: 1, because: 'previous_words' })
    expect(turn?.matched.toSorted()).toEqual(['called', 'greyhound', 'quinzel'])
    expect(turn?.share).toBeGreaterThan(0.3)
    expect(neighbour).toMatchObject({ seq: 3, because: 'beside', matched: [], share: 0 })
    const quoted = recalledOf(next)?.turns.map(({ score: _score, share: _share, ...rest }) => rest)
    expect(recalledOf(sent)?.turns).toEqual(quoted)
  })

  test('has the words of the message first, and then those that it borrowed', async () => {
    const session_id = await sessionAfter(visitor, 4)
    const path = `/v1/sessions/${session_id}/context`
    await visitor.chat({ session_id, message: 'Tell me about our greyhound' })
    const next: Receipt = await visitor.expect(200, 'POST', path, { message: 'And Quinzel?' })
    expect(next.words).toEqual(['quinzel'])
    expect(recalledOf(next)?.turns[0]).toMatchObject({
      seq: 1,
      because: 'words',
      matched: ['quinzel', 'greyhound'],
    })
  })
})

describe('where recall has room for one turn', () => {
  const { visitor } = useRig({ CONTEXT_MAX_TURNS: '2', RECALL_TOKENS: '150' })

  test('the receipt lists each turn that did not fit apart, and the newest before the range that ends with it', async () => {
    const session_id = await sessionAfter(visitor, 5)
    await visitor.chat({ session_id, message: 'How fast is a greyhound?' })
    for (const message of ['write 14 words', 'write 15 words'])
      await visitor.chat({ session_id, message })
    const path = `/v1/sessions/${session_id}/context`
    const next: Receipt = await visitor.expect(200, 'POST', path, {
      message: 'Which greyhound is called Quinzel?',
    })
    expect(recalledOf(next)?.turns.map(({ seq }) => seq)).toEqual([1])
    const [newest, range, ...others] = next.left_out
    expect(newest).toEqual({ from_seq: 14, to_seq: 14, turns: 1, reason: 'recall_full' })
    expect(range).toMatchObject({ from_seq: 2, to_seq: 14, reason: 'not_relevant' })
    // Turns beside one of the two did not fit either.
    expect(new Set(others.map(({ reason }) => reason))).toEqual(new Set(['recall_full']))
    expect(others).toEqual(others.toSorted((a, b) => b.to_seq - a.to_seq))
    expect(next.left_out.reduce((sum, { turns }) => sum + turns, 0)).toBe(6)
  })
})

test('a Worker that is newer than its database begins a turn that recalls nothing', async () => {
  // Schema 7 returns no `recalled`.
  const older: Database = {
    ...db,
    async single<Row>(...call: Parameters<Database['single']>) {
      const rows = await db.single(...call)
      for (const row of rows) delete (row as { result: { recalled?: unknown } }).result.recalled
      return rows as Row[]
    },
  }
  expect(await beginTurn(older, turnStart())).toMatchObject({ verdict: 'run', recalled: [] })
})

describe('nothing is recalled', () => {
  const off = useRig({ CONTEXT_MAX_TURNS: '2', RECALL_TOKENS: '0' })
  const none = useRig({ CONTEXT_MAX_TURNS: '0' })

  test.each([
    ['RECALL_TOKENS is 0', off],
    ['there is to be no history', none],
  ])('where %s', async (_, { rig, visitor }) => {
    const session_id = await sessionAfter(visitor, 4)
    const path = `/v1/sessions/${session_id}/context`
    const receipt: Receipt = await visitor.expect(200, 'POST', path, { message: question })
    expect(receipt).not.toHaveProperty('words')
    expect(receipt.left_out.map(({ reason }) => reason)).toEqual(['max_turns'])
    await visitor.chat({ session_id, message: question })
    expect(lastMessage(rig)).toBe(question)
  })
})

describe('with RECALL_SCOPE=user, in a session of many turns', () => {
  const { rig, visitor } = useRig({ RECALL_SCOPE: 'user', CONTEXT_MAX_TURNS: '2' })

  test('the receipt of a reply names the quoted turns and not their texts, whose cut is not known', async () => {
    await sessionAfter(visitor, 0, 'The greyhound is called Quinzel at home')
    const session_id = await sessionAfter(visitor, 4, `${fact}. ${'We like walks. '.repeat(80)}`)
    const message = 'Is the greyhound called Quinzel at home?'
    const { reply } = await visitor.chat({ session_id, message })
    expect(lastMessage(rig)).toContain('Quinzel at home')
    const path = `/v1/sessions/${session_id}/messages/${reply.id}/context`
    const sent: Receipt = await visitor.expect(200, 'GET', path)
    expect(recalledOf(sent)?.elsewhere).toBe(1)
    const turn = recalledOf(sent)?.turns.find(({ seq }) => seq === 1)
    expect(turn).toEqual({
      seq: 1,
      reply_seq: 2,
      created_at: expect.any(String),
      because: 'words',
      matched: expect.arrayContaining(['greyhound', 'called']),
    })
  })
})

describe('with RECALL_SCOPE=user', () => {
  const { rig, visitor } = useRig({ RECALL_SCOPE: 'user' })

  test('a new session knows what was said in another one, and says so', async () => {
    const elsewhere = await sessionAfter(visitor, 1)
    rig.clear()
    const { session_id, reply } = await visitor.chat({ message: question })
    expect(rig.timeline).toEqual(['database', 'model', 'database'])
    expect(lastMessage(rig)).toMatch(/^From earlier conversations with this visitor, /)
    expect(lastMessage(rig)).toContain(`Visitor: ${fact}`)

    const row = (await storedMessages(db, session_id)).at(-1)
    expect(row).toMatchObject({ recalled: null, recalled_elsewhere: 2 })
    const path = `/v1/sessions/${session_id}`
    const sent: Receipt = await visitor.expect(200, 'GET', `${path}/messages/${reply.id}/context`)
    expect(recalledOf(sent)).toMatchObject({ turns: [], elsewhere: 2 })
    const next: Receipt = await visitor.expect(200, 'POST', `${path}/context`, {
      message: question,
    })
    expect(recalledOf(next)?.turns).toMatchObject([
      { session_id: elsewhere, seq: 1, because: 'words' },
      { session_id: elsewhere, seq: 3, because: 'beside' },
    ])

    // Erased is erased: the next prompt has nothing of it.
    await visitor.expect(204, 'DELETE', `/v1/sessions/${elsewhere}`)
    await visitor.chat({ session_id: undefined, message: 'Which greyhound do you know?' })
    expect(lastMessage(rig)).not.toContain('Visitor: Our greyhound')
  })
})
