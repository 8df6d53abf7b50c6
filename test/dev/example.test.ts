import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exampleVisitor } from '../../scripts/dev/example/example-visitor.ts'
import { gardenChat } from '../../scripts/dev/example/garden-chat.ts'
import { writeExample } from '../../scripts/dev/example/write-example.ts'
import type { Database } from '../../src/db/database.ts'
import type { Receipt } from '../../src/protocol-receipt.ts'
import type { ChatResponse, Message } from '../../src/protocol.ts'
import { countTokens } from '../../src/turn/tokens/token-count.ts'
import { type Client, createClient } from '../rigs/client.ts'
import { newUserId, testDatabase } from '../rigs/conversation.ts'
import { type Dev, startDev } from '../rigs/start-dev.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'example-'))
})
afterAll(() => rm(folder, { recursive: true }))

const dayMs = 24 * 60 * 60_000

describe('npm run dev -- --example', () => {
  let dev: Dev
  let visitor: Client
  let sessionId: string

  beforeAll(start, 90_000)
  afterAll(stop)

  async function start(): Promise<void> {
    dev = startDev(folder, ['--example'])
    const origin = await dev.ready()
    const [, token = '', session = ''] = / TOKEN=(\S+) SESSION=(\S+)\n/.exec(dev.output()) ?? []
    visitor = createClient(origin, token)
    sessionId = session
  }

  async function stop(): Promise<void> {
    dev.child.kill('SIGTERM')
    await dev.exited
  }

  /** The output of a shell for one of the printed commands, after those that set the variables. */
  function run(part: string): string {
    const lines = dev.output().split('\n')
    const printed = [' TOKEN=', part].map((text) => lines.find((line) => line.includes(text)))
    return execFileSync('sh', ['-c', printed.join('\n')], { encoding: 'utf8' })
  }

  async function storedMessages(): Promise<Message[]> {
    const path = `/v1/sessions/${sessionId}/messages?limit=200`
    const stored: Message[] = []
    for (;;) {
      const before = stored[0] ? `&before=${stored[0].seq}` : ''
      // oxlint-disable-next-line no-await-in-loop -- one page leads to the next
      const { data, has_more } = await visitor.expect(200, 'GET', path + before)
      stored.unshift(...data)
      if (has_more !== true) return stored
    }
  }

  test('the printed question is answered from the beginning of a conversation of some 220 turns', async () => {
    const stored = await storedMessages()
    expect(stored).toHaveLength(2 * gardenChat.length)
    const told = stored.find(({ content }) => content.startsWith('My dog is called Rex.'))
    const date = told?.created_at.slice(0, 10)
    expect(Date.now() - Date.parse(date ?? '')).toBeGreaterThan(50 * dayMs)

    const { reply }: ChatResponse = JSON.parse(run('/v1/chat -H "authorization'))
    expect(reply.content).toBe(
      `Your dog is called Rex. You told me on ${date}, in what I was reminded of.`,
    )
  })

  test('the printed address of the page names the same visitor and conversation', () => {
    const { origin, hash } = new URL(/http:\S+#\S+/.exec(dev.output())?.[0] ?? '')
    expect(dev.output()).toContain(`Page     ${origin}\n`)
    expect(hash).toBe(`#token=${visitor.token}&session=${sessionId}`)
  })

  test('the printed receipt shows what was recalled, and that the window begins long after it', async () => {
    const line = run('/context')
    expect(line).toContain('My dog is called Rex.')
    expect(line).not.toContain('newest_turns')
    const body = { message: "What is my dog's name?" }
    const receipt: Receipt = await visitor.expect(
      200,
      'POST',
      `/v1/sessions/${sessionId}/context`,
      body,
    )
    expect(receipt.window.from_seq).toBeGreaterThan(200)
    expect(receipt.parts.at(-2)).toMatchObject({ part: 'recalled', reason: 'relevant' })
  })

  test('the receipts of its own replies show prompts whose window grows and then moves on', async () => {
    const stored = await storedMessages()
    const receiptOf = (turn: number): Promise<Receipt> => {
      const id = stored[2 * turn - 1]?.id
      return visitor.expect(200, 'GET', `/v1/sessions/${sessionId}/messages/${id}/context`)
    }
    const defaultSystemTokens = countTokens('You are a helpful assistant on this website.')
    const sent = (turns: number, from: number, leftOut: number) => ({
      model: 'example',
      counts: turns === 0 ? 'exact' : 'bound',
      tokens: { system: defaultSystemTokens },
      window: { turns, from_seq: from },
      left_out: leftOut === 0 ? [] : [{ turns: leftOut, reason: 'older_than_window' }],
    })
    expect(await receiptOf(1)).toMatchObject(sent(0, 1, 0))
    expect(await receiptOf(30)).toMatchObject(sent(29, 1, 0))

    const last = await receiptOf(gardenChat.length)
    const { turns } = last.window
    expect(turns).toBeGreaterThan(40)
    const older = gardenChat.length - 1 - turns
    expect(older).toBeGreaterThan(40)
    expect(last).toMatchObject(sent(turns, 2 * older + 1, older))
    expect(last.tokens.total).toBeGreaterThan(2_000)
    expect(last.tokens.total).toBeLessThan(8_000 - 1_024)
    expect(last).not.toHaveProperty('usage')
  })

  test('a reply of the offline model names it, not a model of OpenAI', async () => {
    const { session_id, reply } = await visitor.chat({ message: 'Hello' })
    const receipt = `/v1/sessions/${session_id}/messages/${reply.id}/context`
    expect(await visitor.expect(200, 'GET', receipt)).toMatchObject({ model: 'offline' })
    await visitor.expect(204, 'DELETE', `/v1/sessions/${session_id}`)
  })

  test.each([
    ['Where do I live?', 'You live in Bern.'],
    ['What is my order number?', 'Your order number is 48213.'],
    ['What am I allergic to?', 'You are allergic to wasps.'],
    ['What is my name?', 'Your name is Ada.'],
  ])('it is reminded of the answer to: %s', async (message, expected) => {
    const { reply } = await visitor.chat({ session_id: sessionId, history_limit: 0, message })
    expect(reply.content).toMatch(new RegExp(`^${expected} You told me on .* reminded of\\.$`))
  })

  test('a second start finds the same conversation and adds nothing', async () => {
    const before = await storedMessages()
    const { token } = visitor
    const first = sessionId
    await stop()
    await start()
    expect(visitor.token).toBe(token)
    expect(sessionId).toBe(first)
    expect(dev.output()).not.toContain('Writing the example')
    expect(await storedMessages()).toEqual(before)
    const { data } = await visitor.expect(200, 'GET', '/v1/sessions')
    expect(data).toHaveLength(1)
  }, 90_000)
})

describe('the example conversation', () => {
  /** The database, which fails after so many calls of turns. */
  function failingAfter(calls: number): Database {
    const db = testDatabase()
    let left = calls
    return {
      ...db,
      single: (...args: Parameters<typeof db.single>) => {
        if (left === 0) throw new Error('lost')
        left -= 1
        return db.single(...args)
      },
    } as Database
  }

  function messagesOf(sessionId: string) {
    return testDatabase()
      .kysely.selectFrom('messages')
      .selectAll()
      .where('session_id', '=', sessionId)
      .orderBy('seq')
      .execute()
  }

  test('that a failure left incomplete is completed by the next start', async () => {
    const userId = newUserId()
    // In the middle of a turn, between two, and in the middle of the last one.
    for (const calls of [5, 4, 2 * gardenChat.length - 4])
      // oxlint-disable-next-line no-await-in-loop -- each continues what the one before has left
      await expect(writeExample(failingAfter(calls), userId)).rejects.toThrow('lost')
    const { sessionId, turns } = await writeExample(testDatabase(), userId)
    expect(await writeExample(testDatabase(), userId)).toEqual({ sessionId, turns })

    const stored = await messagesOf(sessionId)
    expect(stored.map(({ content }) => content)).toEqual(
      gardenChat.flatMap(({ message, reply }) => [message, reply]),
    )
    expect(new Set(stored.map(({ status }) => status))).toEqual(new Set(['complete']))
    const dates = stored.map(({ created_at }) => created_at.getTime())
    expect(dates).toEqual(dates.toSorted((one, other) => one - other))
    expect(Math.max(...dates)).toBeLessThan(Date.now() - dayMs)
    const session = await testDatabase()
      .kysely.selectFrom('sessions')
      .select(['created_at', 'last_message_at'])
      .where('id', '=', sessionId)
      .executeTakeFirst()
    expect(session?.created_at.getTime()).toBe(dates[0])
    expect(session?.last_message_at?.getTime()).toBe(dates.at(-1))
  })

  test('is debited to nobody', async () => {
    const spent = () => testDatabase().kysely.selectFrom('spending').selectAll().execute()
    const userId = newUserId()
    await writeExample(testDatabase(), userId)
    expect((await spent()).filter(({ payer }) => payer.includes(userId))).toEqual([])
  })

  test('is written again after it was erased, and never into the session of another user', async () => {
    const userId = newUserId()
    const { kysely } = testDatabase()
    const { sessionId } = await writeExample(testDatabase(), userId)
    await kysely.deleteFrom('sessions').where('id', '=', sessionId).execute()
    expect(await writeExample(testDatabase(), userId)).toMatchObject({ sessionId })
    expect(await messagesOf(sessionId)).toHaveLength(2 * gardenChat.length)

    await kysely
      .updateTable('sessions')
      .set({ user_id: 'other' })
      .where('id', '=', sessionId)
      .execute()
    await expect(writeExample(testDatabase(), userId)).rejects.toThrow('cannot be written')
  })
})

test('the token of the example is random for each folder, kept in it, and readable by its owner alone', async () => {
  const [one, other] = await Promise.all(
    ['one-', 'other-'].map((name) => mkdtemp(join(folder, name))),
  )
  const visitor = await exampleVisitor(one ?? '')
  expect(visitor.token).toMatch(/^vst_[\w-]{43}$/)
  expect(await exampleVisitor(one ?? '')).toEqual(visitor)
  expect((await exampleVisitor(other ?? '')).token).not.toBe(visitor.token)
  const file = join(one ?? '', 'example-token')
  expect(await readFile(file, 'utf8')).toBe(`${visitor.token}\n`)
  if (process.platform !== 'win32') expect((await stat(file)).mode & 0o777).toBe(0o600)
})
