import { afterAll, describe, expect, test } from 'vitest'
import { deleteSession } from '../../src/db/sessions.ts'
import {
  delta,
  done,
  event,
  finished,
  type ScriptedModel,
  startScriptedModel,
} from '../fakes/scripted-model.ts'
import { type Client, createClient, newVisitor } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { useRig } from '../rigs/start-rig.ts'
import { storedMessages } from '../rigs/stored-session.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const db = testDatabase()
const adminToken = 'the owner has a token of over 32 characters'.replaceAll(' ', '-')

let model: ScriptedModel
const { rig } = useRig(async () => {
  model = await startScriptedModel()
  return {
    OPENAI_BASE_URL: model.baseUrl,
    ADMIN_TOKEN: adminToken,
    DAILY_TOKENS_PER_USER: '1000000',
  }
})
afterAll(() => model.close())
const offline = useRig()

const reported = (prompt: number, details?: unknown) => ({
  prompt_tokens: prompt,
  completion_tokens: 4,
  ...(details !== undefined && { prompt_tokens_details: details }),
})

/** A turn to which the provider reports this usage. */
function takeTurn(visitor: Client, usage: unknown, body: object = {}) {
  const packets = [delta('Hi'), finished(), event({ choices: [], usage }), done]
  model.script = () => ({ packets })
  return visitor.chat({ message: 'Hello', ...body })
}

async function storedReply(sessionId: string) {
  return (await storedMessages(db, sessionId)).at(-1)
}

/** What `/v1/usage` tells the visitor, and `/v1/admin/usage` the owner. */
async function shown(visitor: Client) {
  const owner = createClient(rig.url, adminToken)
  const of = `user_id=${visitorIdOf(visitor.token ?? '')}`
  const [mine, byDay, byUser] = await Promise.all([
    visitor.expect(200, 'GET', '/v1/usage'),
    owner.expect(200, 'GET', `/v1/admin/usage?by=day&${of}`),
    owner.expect(200, 'GET', `/v1/admin/usage?by=user&${of}`),
  ])
  expect([byDay.data.length, byUser.data.length]).toEqual([1, 1])
  return { mine, byDay: byDay.data[0], byUser: byUser.data[0] }
}

const shownCached = async (visitor: Client) =>
  Object.values(await shown(visitor)).map((usage) => usage.cached_tokens)

describe('what the cache of the provider held of a prompt', () => {
  test('is stored with the reply, and shown to its user and to the owner', async () => {
    const visitor = await newVisitor(rig.url)
    const { session_id, reply } = await takeTurn(visitor, reported(40, { cached_tokens: 32 }))
    expect(await storedReply(session_id)).toMatchObject({ prompt_tokens: 40, cached_tokens: 32 })
    // The usage of a message keeps its form.
    expect(reply.usage).toEqual({ prompt_tokens: 40, completion_tokens: 4 })
    const { mine, byDay, byUser } = await shown(visitor)
    expect(mine).toMatchObject({ tokens_used: 44, cached_tokens: 32 })
    const sums = { turns: 1, prompt_tokens: 40, completion_tokens: 4, cached_tokens: 32 }
    expect(byDay).toMatchObject({ day: mine.day, users: 1, tokens: 44, ...sums })
    expect(byUser).toMatchObject({ tokens: 44, ...sums })
  })

  test('is added up over the turns and sessions of a user', async () => {
    const visitor = await newVisitor(rig.url)
    const { session_id } = await takeTurn(visitor, reported(40, { cached_tokens: 32 }))
    await takeTurn(visitor, reported(50, { cached_tokens: 8 }), { session_id })
    await takeTurn(visitor, reported(30, { cached_tokens: 2 }))
    expect(await shownCached(visitor)).toEqual([42, 42, 42])
  })

  test('is null in a reply if the provider does not report it, and 0 if that was nothing', async () => {
    const visitor = await newVisitor(rig.url)
    for (const [details, cached] of [
      [undefined, null],
      [null, null],
      [{}, null],
      [{ cached_tokens: 0 }, 0],
    ] as const) {
      const { session_id } = await takeTurn(visitor, reported(40, details))
      expect(await storedReply(session_id)).toMatchObject({ cached_tokens: cached })
    }
    expect(await shownCached(visitor)).toEqual([0, 0, 0])
  })

  test.each([-1, 1.5, '32', true, [32], 2 ** 53])(
    'is ignored if it is %j, and the rest of the usage counts',
    async (value) => {
      const visitor = await newVisitor(rig.url)
      const usage = reported(40, { cached_tokens: value })
      const { session_id, reply } = await takeTurn(visitor, usage)
      expect(await storedReply(session_id)).toMatchObject({ cached_tokens: null })
      expect(reply.usage).toEqual({ prompt_tokens: 40, completion_tokens: 4 })
      expect((await shown(visitor)).mine).toMatchObject({ tokens_used: 44, cached_tokens: 0 })
    },
  )

  test('is never more than the prompt', async () => {
    const visitor = await newVisitor(rig.url)
    const { session_id } = await takeTurn(visitor, reported(40, { cached_tokens: 41 }))
    expect(await storedReply(session_id)).toMatchObject({ cached_tokens: 40 })
    expect((await shown(visitor)).mine).toMatchObject({ tokens_used: 44, cached_tokens: 40 })
  })

  test('is never more than what a prompt without sense counts for', async () => {
    const visitor = await newVisitor(rig.url)
    const most = 500_000_000
    await takeTurn(visitor, reported(most, { cached_tokens: most }))
    const { byUser } = await shown(visitor)
    expect(byUser.prompt_tokens).toBeLessThan(most)
    expect(byUser.cached_tokens).toBe(byUser.prompt_tokens)
  })

  test('is replaced when a reply is written again, and counts for both', async () => {
    const visitor = await newVisitor(rig.url)
    const turn = { message: 'Hello', message_id: crypto.randomUUID() }
    const { session_id, reply } = await takeTurn(visitor, reported(40, { cached_tokens: 32 }), turn)
    await takeTurn(visitor, reported(40), { ...turn, session_id, regenerate: reply.id })
    const replies = (await storedMessages(db, session_id)).slice(1)
    expect(replies.map(({ cached_tokens }) => cached_tokens)).toEqual([32, null])
    expect(await shownCached(visitor)).toEqual([32, 32, 32])
  })
})

test('a reply whose session is erased while it is written counts what the cache held, once', async () => {
  const visitor = await newVisitor(rig.url)
  const { session_id } = await takeTurn(visitor, reported(40, { cached_tokens: 8 }))
  const erased = new AbortController()
  model.script = () => ({
    packets: (function* packets() {
      yield delta('Hi')
      while (!erased.signal.aborted) yield ': waiting\n\n'
      yield* [finished(), event({ choices: [], usage: reported(50, { cached_tokens: 32 }) }), done]
    })(),
  })
  const calls = model.calls.length
  const running = visitor.expect(404, 'POST', '/v1/chat', { session_id, message: 'Hello again' })
  await expect.poll(() => model.calls.length).toBe(calls + 1)
  // Not by a request, which would also tell the reply's object: then the model would not be heard to its end.
  await deleteSession(db, visitorIdOf(visitor.token ?? ''), session_id)
  erased.abort()
  expect((await running).code).toBe('session_deleted')
  expect(await shownCached(visitor)).toEqual([40, 40, 40])
})

test('the next turn of a long conversation finds the beginning of its prompt in the cache', async () => {
  const { visitor } = offline
  const { session_id } = await visitor.chat({ message: 'A long story. '.repeat(500) })
  await visitor.chat({ session_id, message: 'Go on' })
  const [, first, , second] = await storedMessages(db, session_id)
  expect(first).toMatchObject({ cached_tokens: 0 })
  // Whole blocks of 128 tokens, of the whole prompt before.
  const before = first?.prompt_tokens ?? 0
  expect(second?.cached_tokens).toBe(before - (before % 128))
  expect(await visitor.expect(200, 'GET', '/v1/usage')).toMatchObject({
    cached_tokens: second?.cached_tokens,
  })
})

test('a reply that broke off before its usage counts nothing as cached', async () => {
  const visitor = await newVisitor(rig.url)
  model.script = () => ({ packets: [delta('Hi')] })
  const { session_id } = await visitor.chat({ message: 'Hello' })
  expect(await storedReply(session_id)).toMatchObject({
    status: 'interrupted',
    cached_tokens: null,
  })
  expect(await shownCached(visitor)).toEqual([0, 0, 0])
})
