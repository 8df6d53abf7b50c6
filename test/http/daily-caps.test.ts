import { SignJWT } from 'jose'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createDatabase, type Database } from '../../src/db/database.ts'
import type { DailyUsage } from '../../src/protocol-usage.ts'
import { type Client, createClient, newVisitor } from '../rigs/client.ts'
import { midnightIsOver } from '../rigs/midnight.ts'
import { problemOf } from '../rigs/problem.ts'
import { startDatabase, type TestDatabase } from '../rigs/start-database.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'
import { turnCall } from '../rigs/turn-call.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const caps = { user: 20_000, address: 30_000, site: 40_000 }
const completionTokens = 500

/** A database of its own: no other test spends for its site and its addresses. */
let database: TestDatabase
let db: Database
let rig: Rig
beforeAll(async () => {
  await midnightIsOver()
  database = await startDatabase()
  await database.migrate()
  db = createDatabase({ ...database, timeoutMs: 20_000 })
  const vars = {
    DAILY_TOKENS_PER_USER: String(caps.user),
    DAILY_TOKENS_PER_ADDRESS: String(caps.address),
    DAILY_TOKENS_PER_SITE: String(caps.site),
    MAX_COMPLETION_TOKENS: String(completionTokens),
    MODEL_FIRST_TOKEN_TIMEOUT_MS: '2000',
    MODEL_IDLE_TIMEOUT_MS: '1000',
    AUTH_JWT_SECRET: jwtSecret,
  }
  rig = await startRig(vars, { database })
})
beforeEach(() => rig.clear())
afterEach(() => db.kysely.deleteFrom('spending').execute())
afterAll(async () => {
  await rig.close()
  await database.close()
})

const jwtSecret = 'a secret of more than 32 characters, for tests'

let lastHost = 0
/** A visitor at an address of its own, or at this one. */
async function visitorAt(address = `192.0.2.${(lastHost += 1)}`): Promise<Client> {
  return at(address, (await newVisitor(rig.url)).token)
}

/** A caller at an address that Cloudflare reports. */
function at(address: string, token?: string): Client {
  const client = createClient(rig.url, token)
  const request = client.request.bind(client)
  client.request = (method, path, body, headers) =>
    request(method, path, body, { 'cf-connecting-ip': address, ...(headers as object) })
  return client
}

const userOf = ({ token }: Client) => visitorIdOf(token ?? '')

function rows() {
  return db.kysely.selectFrom('spending').selectAll().execute()
}

async function rowOf(payer: string) {
  const { tokens, prompt_tokens, completion_tokens, turns } = await db.kysely
    .selectFrom('spending')
    .selectAll()
    .where('payer', '=', payer)
    .executeTakeFirstOrThrow()
  const [prompt, completion] = [Number(prompt_tokens), Number(completion_tokens)]
  return { tokens: Number(tokens), prompt, completion, turns }
}

async function addressRow(): Promise<string> {
  const payers = (await rows()).map(({ payer }) => payer)
  return payers.find((payer) => payer.startsWith('address:')) ?? ''
}

/** Sets what a payer has spent today. */
async function spend(payer: string, tokens: number): Promise<void> {
  await sql`
insert into spending (day, payer, tokens) values ((now() at time zone 'UTC')::date, ${payer}, ${tokens})
on conflict (day, payer) do update set tokens = excluded.tokens`.execute(db.kysely)
}

async function stopAll(client: Client): Promise<void> {
  const { data } = await client.expect(200, 'GET', '/v1/sessions')
  for (const { id } of data) await client.expect(200, 'POST', `/v1/sessions/${id}/stop`)
}

function usageOf(client: Client): Promise<DailyUsage> {
  return client.expect(200, 'GET', '/v1/usage')
}

/** A visitor who has had a turn today, one of whose payers has 100 tokens left. */
async function visitorWithout(kind: keyof typeof caps): Promise<Client> {
  const visitor = await visitorAt()
  await visitor.chat({ message: 'Hello' })
  const payer = { user: userOf(visitor), address: await addressRow(), site: 'site' }[kind]
  await spend(payer, caps[kind] - 100)
  rig.clear()
  return visitor
}

/** What a first turn is debited before the model is called: it stays if the reply cannot be stored. */
async function debitOf(body: object): Promise<number> {
  const visitor = await visitorAt()
  rig.database.fault = (call) => (turnCall(call) === 'finish' ? 'server error' : undefined)
  await visitor.expect(503, 'POST', '/v1/chat', body)
  rig.clear()
  const { tokens } = await rowOf(userOf(visitor))
  await db.kysely.deleteFrom('spending').execute()
  return tokens
}

describe.each(['user', 'address', 'site'] as const)('the cap of a day by %s', (limit) => {
  test.each(['application/json', 'text/event-stream'])(
    'refuses a turn before the first byte, with a text for people and the time until midnight: %s',
    async (accept) => {
      const visitor = await visitorWithout(limit)
      const before = await rows()
      const { data: sessions } = await visitor.expect(200, 'GET', '/v1/sessions')
      rig.clear()
      const response = await visitor.request('POST', '/v1/chat', { message: 'Hello' }, { accept })
      const problem = await problemOf(response)
      expect(problem).toMatchObject({
        status: 429,
        code: 'daily_limit_reached',
        limit,
        detail: expect.stringMatching(/ today.* midnight UTC/),
      })
      const seconds = Number(response.headers.get('retry-after'))
      expect(seconds).toBe(problem['retry_after'])
      expect(seconds).toBeGreaterThan(0)
      expect(seconds).toBeLessThanOrEqual(24 * 60 * 60)
      expect(rig.timeline).toEqual(['database'])
      expect((await visitor.expect(200, 'GET', '/v1/sessions')).data).toEqual(sessions)
      expect(await rows()).toEqual(before)
    },
  )

  test('admits a turn that takes exactly its last token, and none that takes one more', async () => {
    const body = { message: 'Hello' }
    const debit = await debitOf(body)
    for (const [left, status] of [
      [debit - 1, 429],
      [debit, 200],
    ] as const) {
      const visitor = await visitorAt()
      await visitor.chat(body)
      const payer = { user: userOf(visitor), address: await addressRow(), site: 'site' }[limit]
      await spend(payer, caps[limit] - left)
      await visitor.expect(status, 'POST', '/v1/chat', body)
      await db.kysely.deleteFrom('spending').execute()
    }
  })

  test('still replays a stored reply', async () => {
    const visitor = await visitorAt()
    const turn = { message: 'Hello', message_id: crypto.randomUUID() }
    const { reply } = await visitor.chat(turn)
    const payer = { user: userOf(visitor), address: await addressRow(), site: 'site' }[limit]
    await spend(payer, caps[limit])
    expect(await visitor.chat(turn)).toMatchObject({ replayed: true, reply })
  })

  test('does not start again after everything is erased', async () => {
    const visitor = await visitorWithout(limit)
    const before = await usageOf(visitor)
    await visitor.expect(204, 'DELETE', '/v1/me')
    expect(await usageOf(visitor)).toEqual(before)
    const problem = await visitor.expect(429, 'POST', '/v1/chat', { message: 'Hello' })
    expect(problem).toMatchObject({ code: 'daily_limit_reached', limit })
  })
})

describe('the cap of an address', () => {
  test('is shared by all visitors at an address or in an IPv6 network, and not by signed-in users', async () => {
    for (const [one, other] of [
      ['192.0.2.200', '192.0.2.200'],
      ['2001:db8:1:2:3::4', '2001:db8:1:2::5'],
    ] as const) {
      await (await visitorAt(one)).chat({ message: 'Hello' })
      await spend(await addressRow(), caps.address)
      const neighbour = await visitorAt(other)
      const problem = await neighbour.expect(429, 'POST', '/v1/chat', { message: 'Hello' })
      expect(problem.limit).toBe('address')
      const stranger = at(other)
      await stranger.expect(429, 'POST', '/v1/chat', { message: 'Hello' })
      await (await visitorAt('2001:db8:1:3::5')).chat({ message: 'Hello' })

      const signedIn = at(other, await jwtOf('ada'))
      await signedIn.chat({ message: 'Hello' })
      expect((await usageOf(signedIn)).tokens_left).toBeGreaterThan(0)
      await db.kysely.deleteFrom('spending').execute()
    }
  })

  test('is stored under a hash that hides the address', async () => {
    const address = '203.0.113.77'
    await (await visitorAt(address)).chat({ message: 'Hello' })
    const all = await rows()
    expect(all.map(({ payer }) => payer)).toContainEqual(
      expect.stringMatching(/^address:[\w-]{43}$/),
    )
    expect(JSON.stringify(all)).not.toContain(address)
  })
})

describe('what is left of the day', () => {
  const day = expect.stringMatching(/^\d{4}-\d\d-\d\d$/)

  test('is everything for a new visitor, and costs one round trip', async () => {
    const usage = await usageOf(await visitorAt())
    expect(usage).toEqual({
      day,
      resets_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT00:00:00.000Z$/),
      tokens_used: 0,
      cached_tokens: 0,
      tokens_limit: caps.user,
      tokens_left: caps.user,
    })
    expect(Date.parse(usage.resets_at)).toBeGreaterThan(Date.now())
    expect(Date.parse(usage.resets_at) - Date.parse(usage.day)).toBe(24 * 60 * 60 * 1_000)
    expect(rig.timeline).toEqual(['database'])
  })

  test('is what the tightest cap leaves', async () => {
    const visitor = await visitorAt()
    const { reply } = await visitor.chat({ message: 'Hello' })
    const used = (reply.usage?.prompt_tokens ?? 0) + (reply.usage?.completion_tokens ?? 0)
    const tokens_used = used
    expect(await usageOf(visitor)).toMatchObject({ tokens_used, tokens_left: caps.user - used })
    await spend(await addressRow(), caps.address - 700)
    expect(await usageOf(visitor)).toMatchObject({ tokens_used, tokens_left: 700 })
    await spend('site', caps.site - 60)
    expect(await usageOf(visitor)).toMatchObject({ tokens_used, tokens_left: 60 })
    await spend('site', caps.site + 60)
    expect(await usageOf(visitor)).toMatchObject({ tokens_used, tokens_left: 0 })
  })

  test('counts a running reply with all that it may cost', async () => {
    const visitor = await visitorAt()
    const running = visitor.chat({ message: '[[fault pace ms=100]] write 200 words' })
    await vi.waitUntil(() => rig.model.requests.length > 0, 10_000)
    expect((await usageOf(visitor)).tokens_used).toBeGreaterThan(completionTokens)
    await stopAll(visitor)
    await running
    expect((await usageOf(visitor)).tokens_used).toBeLessThan(completionTokens)
  })

  test('is null without a cap; the used tokens are still reported', async () => {
    const free = await startRig({ DAILY_TOKENS_PER_USER: 'off' }, { database })
    try {
      const visitor = await newVisitor(free.url)
      await visitor.chat({ message: 'Hello' })
      expect(await visitor.expect(200, 'GET', '/v1/usage')).toMatchObject({
        tokens_used: expect.any(Number),
        tokens_limit: null,
        tokens_left: null,
      })
      expect((await rows()).map(({ payer }) => payer)).toEqual([userOf(visitor)])
      expect((await rowOf(userOf(visitor))).tokens).toBeGreaterThan(0)
    } finally {
      await free.close()
    }
  })
})

describe('a turn that has ended counts', () => {
  async function spentOn(message: string) {
    const visitor = await visitorAt()
    const events = await visitor.stream({ message })
    const usage = events.at(-1)?.data.reply?.usage
    const { tokens, prompt, completion, turns } = await rowOf(userOf(visitor))
    // For each payer, the debit was replaced by the cost.
    expect({ tokens, turns }).toEqual({ tokens: prompt + completion, turns: 1 })
    expect(await rowOf('site')).toEqual({ tokens, prompt, completion, turns })
    expect(await rowOf(await addressRow())).toEqual({ tokens, prompt, completion, turns })
    return { usage, prompt, completion }
  }

  test('what the provider reported', async () => {
    const { usage, prompt, completion } = await spentOn('write 40 words')
    expect(usage).toEqual({ prompt_tokens: prompt, completion_tokens: completion })
    expect(completion).toBeGreaterThan(0)
  })

  test.each(['refused', 'status=401', 'status=500', 'status=429', 'context-length'])(
    'nothing if the model did nothing: %s',
    async (fault) => {
      expect(await spentOn(`[[fault ${fault}]] write 40 words`)).toMatchObject({
        prompt: 0,
        completion: 0,
      })
    },
  )

  test.each(['silent', 'html', 'cut after=0', 'error-chunk after=0'])(
    'its prompt if the model may have read it: %s',
    async (fault) => {
      const message = `[[fault ${fault}]] write 40 words`
      const { prompt, completion } = await spentOn(message)
      expect(completion).toBe(0)
      expect(prompt).toBeGreaterThan(10)
      expect(prompt).toBeLessThan(message.length + 100)
    },
  )

  test.each(['cut after=3', 'stall after=3', 'nonsense after=3', 'no-usage'])(
    'the bounds of its prompt and its text if the provider reported nothing: %s',
    async (fault) => {
      const { usage, prompt, completion } = await spentOn(`[[fault ${fault}]] write 40 words`)
      expect(usage).toBeUndefined()
      expect(prompt).toBeGreaterThan(10)
      expect(completion).toBeGreaterThan(0)
      expect(completion).toBeLessThan(completionTokens)
    },
  )

  test('only the text so far if it was stopped', async () => {
    const visitor = await visitorAt()
    const running = visitor.chat({ message: '[[fault pace ms=100]] write 200 words' })
    await vi.waitUntil(() => (rig.model.requests[0]?.deltasSent ?? 0) > 2, 10_000)
    await stopAll(visitor)
    expect((await running).reply.status).toBe('interrupted')
    const { tokens, prompt, completion } = await rowOf(userOf(visitor))
    expect(tokens).toBe(prompt + completion)
    expect(completion).toBeGreaterThan(0)
    expect(completion).toBeLessThan(completionTokens)
  })

  test('all that it may have cost if its reply could not be stored', async () => {
    const visitor = await visitorAt()
    rig.database.fault = (call) => (turnCall(call) === 'finish' ? 'server error' : undefined)
    const problem = await visitor.expect(503, 'POST', '/v1/chat', { message: 'Hello' })
    expect(problem.code).toBe('not_saved')
    const row = await rowOf(userOf(visitor))
    expect(row).toMatchObject({ prompt: 0, completion: 0, turns: 1 })
    expect(row.tokens).toBeGreaterThan(completionTokens)
  })
})

function jwtOf(sub: string): Promise<string> {
  return new SignJWT({ sub })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(jwtSecret))
}
