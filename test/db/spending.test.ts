import { sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import { eraseSomeOfUser } from '../../src/db/erasure/erase-user.ts'
import { deleteSession, findSession } from '../../src/db/sessions.ts'
import { spentToday } from '../../src/db/spending.ts'
import { abandonTurn } from '../../src/db/turns/abandon-turn.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import { turnOverheadTokens } from '../../src/turn/prompt/window.ts'
import type { Spent } from '../../src/turn/turn-end.ts'
import type { Payer, TurnStart } from '../../src/turn/turn.ts'
import {
  expireLease,
  finish,
  newUserId,
  takeTurn,
  testDatabase,
  turnStart,
} from '../rigs/conversation.ts'
import { midnightIsOver } from '../rigs/midnight.ts'
import { seedSession } from '../rigs/seed-session.ts'
import { storedMessages } from '../rigs/stored-session.ts'

const db = testDatabase()
beforeAll(midnightIsOver)

/** A turn that costs 100 tokens at most, where no others say otherwise. */
function cappedStart(
  caps: Partial<Record<Payer['kind'], number>>,
  change: Partial<TurnStart> = {},
) {
  const { userId = newUserId() } = change
  const name = { user: userId, address: `address:${crypto.randomUUID()}`, site: 'site' }
  const payers = (['user', 'address', 'site'] as const).flatMap((kind): Payer[] =>
    kind === 'user' || caps[kind] !== undefined
      ? [{ kind, name: name[kind], maxTokens: caps[kind] }]
      : [],
  )
  return turnStart({ payers, ...change, userId })
}

/** Another turn of the same payers, in a session of its own. */
function nextStart({ userId, payers }: TurnStart, change: Partial<TurnStart> = {}) {
  return turnStart({ userId, payers, ...change })
}

async function spent({ payers }: Pick<TurnStart, 'payers'>) {
  return (await spentToday(db, payers)).spent.map(({ tokens }) => tokens)
}

/** The rows of a turn's payers, whole. */
function rowsOf({ payers }: Pick<TurnStart, 'payers'>) {
  const names = payers.map(({ name }) => name)
  return db.kysely.selectFrom('spending').selectAll().where('payer', 'in', names).execute()
}

/** No other test touches the site's row. */
async function spentOnSite() {
  const [tokens = 0] = await spent({ payers: [{ kind: 'site', name: 'site', maxTokens: 1 }] })
  return tokens
}

describe('a turn that runs', () => {
  test('is debited all that it may cost, its window included, to each of its payers', async () => {
    const site = await spentOnSite()
    const start = cappedStart({ user: 1_000, address: 1_000, site: site + 1_000 })
    await seedSession(db, start, [
      { status: 'complete', tokens: 900 },
      { status: 'failed', tokens: 7 },
      { status: 'complete', tokens: 20, superseded: 2 },
      { status: 'interrupted', tokens: 5 },
    ])
    const window = { ...start.window, tokens: 200 }
    expect(await beginTurn(db, { ...start, window })).toMatchObject({ verdict: 'run' })
    const cost = 100 + 20 + 5 + 2 * turnOverheadTokens
    expect(await spent(start)).toEqual([cost, cost, site + cost])
    const reply = (await storedMessages(db, start.sessionId)).at(-1)
    expect(reply).toMatchObject({ status: 'streaming', debited_tokens: cost })
  })

  test('is counted for its user where no cap holds', async () => {
    const start = cappedStart({})
    await beginTurn(db, start)
    expect(await rowsOf(start)).toMatchObject([{ payer: start.userId, tokens: '100', turns: 1 }])
  })

  test('asked for twice under one lease is debited once', async () => {
    const start = cappedStart({ user: 150 })
    const first = await beginTurn(db, start)
    expect(await beginTurn(db, start)).toEqual(first)
    expect(await spent(start)).toEqual([100])
  })

  test('fills a cap to its last token, and not beyond', async () => {
    const start = cappedStart({ user: 200 })
    for (const verdict of ['run', 'run', 'capped'])
      expect(await beginTurn(db, nextStart(start))).toMatchObject({ verdict })
    expect(await spent(start)).toEqual([200])
  })
})

describe('a turn that does not run is debited nothing', () => {
  test('a replay, also of a turn that would be over the cap', async () => {
    const start = cappedStart({ user: 100 })
    await takeTurn(db, start)
    const before = await rowsOf(start)
    const retry = { ...start, maxTokens: 5_000, lease: crypto.randomUUID() }
    expect(await beginTurn(db, retry)).toMatchObject({ verdict: 'replay' })
    expect(await rowsOf(start)).toEqual(before)
  })

  test('a refusal for its session or its message', async () => {
    const start = cappedStart({ user: 1_000, address: 1_000 })
    await beginTurn(db, start)
    const other = nextStart(start, { sessionId: start.sessionId })
    const refused: [string, TurnStart][] = [
      ['busy', other],
      ['running', { ...start, lease: crypto.randomUUID() }],
      ['mismatch', { ...start, content: 'Other', lease: crypto.randomUUID() }],
      ['not_found', nextStart(start, { createSession: false })],
      ['not_found', cappedStart({ user: 1_000 }, { sessionId: start.sessionId })],
    ]
    for (const [verdict, refusedStart] of refused)
      expect(await beginTurn(db, refusedStart)).toMatchObject({ verdict })
    expect(await spent(start)).toEqual([100, 100])
    expect(await spent(refused.at(-1)?.[1] as TurnStart)).toEqual([0])
  })
})

describe.each(['user', 'address', 'site'] as const)('a turn over the cap of its %s', (kind) => {
  async function fullStart(left: number) {
    const none = kind === 'site' ? await spentOnSite() : 0
    const roomy = { user: 10_000, address: 10_000, site: (await spentOnSite()) + 10_000 }
    return cappedStart({ ...roomy, [kind]: none + left })
  }

  test('is refused by that name, until the day ends, and leaves no trace', async () => {
    const site = await spentOnSite()
    const start = await fullStart(99)
    const begun = await beginTurn(db, start)
    expect(begun).toMatchObject({ verdict: 'capped', capped: kind })
    const waitMs = 'retryAfterMs' in begun ? begun.retryAfterMs : Number.NaN
    expect(waitMs).toBeGreaterThan(0)
    expect(waitMs).toBeLessThanOrEqual(24 * 60 * 60 * 1_000)
    expect(await findSession(db, start.userId, start.sessionId)).toBeUndefined()
    expect(await storedMessages(db, start.sessionId)).toEqual([])
    expect((await rowsOf(start)).filter(({ payer }) => payer !== 'site')).toEqual([])
    expect(await spentOnSite()).toBe(site)
  })

  test('is refused in a session that goes on, is tried again or begins anew, which stay as they are', async () => {
    for (const end of [{}, { status: 'failed', content: '', finishReason: null }] as const) {
      const first = await fullStart(1_000)
      await takeTurn(db, first, end)
      const { userId, sessionId } = first
      const none = kind === 'site' ? await spentOnSite() : 0
      const payers = first.payers.map((payer) =>
        payer.kind === kind ? { ...payer, maxTokens: none + 99 } : payer,
      )
      const before = [
        await storedMessages(db, sessionId),
        await findSession(db, userId, sessionId),
        await rowsOf(first),
      ]
      const again = { ...first, payers, lease: crypto.randomUUID() }
      const other = {
        ...again,
        replyId: crypto.randomUUID(),
        ...('status' in end ? {} : { regenerate: first.replyId }),
      }
      for (const start of [nextStart({ ...first, payers }, { sessionId }), other])
        expect(await beginTurn(db, start)).toMatchObject({ verdict: 'capped', capped: kind })
      expect([
        await storedMessages(db, sessionId),
        await findSession(db, userId, sessionId),
        await rowsOf(first),
      ]).toEqual(before)
    }
  })
})

test('of several caps that are reached the nearest is named: the user, the address, the site', async () => {
  const full = { user: 1, address: 1, site: 1 }
  for (const [caps, capped] of [
    [full, 'user'],
    [{ ...full, user: 1_000 }, 'address'],
    [{ ...full, user: 1_000, address: 1_000 }, 'site'],
  ] as const)
    expect(await beginTurn(db, cappedStart(caps))).toMatchObject({ verdict: 'capped', capped })
})

describe('a turn that ends', () => {
  test('is set against its debit, at each of its payers, once', async () => {
    const site = await spentOnSite()
    const start = cappedStart({ user: 1_000, address: 1_000, site: site + 1_000 })
    await beginTurn(db, start)
    const cost = { prompt_tokens: 31, completion_tokens: 11, cached_tokens: 24 }
    for (let call = 0; call < 2; call += 1) {
      await finish(db, start, { spent: cost }, call * 50)
      expect(await spent(start)).toEqual([42, 42, site + 42])
    }
    const told = {
      turns: 1,
      tokens: '42',
      prompt_tokens: '31',
      completion_tokens: '11',
      cached_tokens: '24',
    }
    expect((await rowsOf(start)).filter(({ payer }) => payer !== 'site')).toMatchObject([
      told,
      told,
    ])
  })

  test('may have cost more than was thought: that is written down as it is', async () => {
    const start = cappedStart({ user: 150 })
    await takeTurn(db, start, {
      spent: { prompt_tokens: 300, completion_tokens: 12, cached_tokens: 0 },
    })
    expect(await spent(start)).toEqual([312])
    expect(await beginTurn(db, nextStart(start))).toMatchObject({ verdict: 'capped' })
  })

  test('adds nothing to what the cache held if its Worker is an older one, which does not tell', async () => {
    const start = cappedStart({ user: 1_000 })
    await takeTurn(db, start)
    const cost = { prompt_tokens: 20, completion_tokens: 10 } as Spent
    await takeTurn(db, nextStart(start), { spent: cost })
    expect(await rowsOf(start)).toMatchObject([{ tokens: '60', cached_tokens: '16' }])
  })

  test('after midnight is refunded on the day of its debit', async () => {
    const start = cappedStart({ user: 1_000 })
    await beginTurn(db, start)
    for (const change of [
      sql`update spending set day = day - 1 where payer = ${start.userId}`,
      sql`update messages set debited_on = debited_on - 1 where id = ${start.replyId}`,
    ])
      await change.execute(db.kysely)
    await takeTurn(db, nextStart(start))
    await finish(db, start, {
      spent: { prompt_tokens: 5, completion_tokens: 2, cached_tokens: 0 },
    })
    const rows = await rowsOf(start)
    expect(rows.map(({ tokens }) => tokens).toSorted()).toEqual(['30', '7'])
    expect(await spent(start)).toEqual([30])
  })

  test('of a session that another user has got meanwhile is stored, and refunded to whom was debited', async () => {
    const start = cappedStart({ user: 1_000 })
    await beginTurn(db, start)
    const userId = newUserId()
    await db.kysely
      .updateTable('sessions')
      .set({ user_id: userId })
      .where('id', '=', start.sessionId)
      .execute()
    const finished = await finish(db, start, { content: 'Whole' }, 50)
    expect(finished).toMatchObject({
      outcome: 'stored',
      reply: { content: 'Whole' },
      history: { messages: [{ seq: 1 }, { seq: 2, content: 'Whole' }] },
    })
    expect(await spent(start)).toEqual([30])
    expect(await rowsOf({ payers: [{ kind: 'user', name: userId, maxTokens: 1 }] })).toEqual([])
  })

  test('under a lease that was taken over reads nothing, and settles its own debit once', async () => {
    const dead = cappedStart({ user: 1_000 })
    await beginTurn(db, dead)
    await expireLease(db, dead)
    const retry = { ...dead, lease: crypto.randomUUID() }
    expect(await beginTurn(db, retry)).toMatchObject({ verdict: 'run' })
    expect(await spent(dead)).toEqual([200])
    for (let time = 0; time < 2; time += 1) {
      expect(await finish(db, dead, {}, 50)).toEqual({ outcome: 'taken_over' })
      expect(await spent(dead)).toEqual([130])
    }
    await finish(db, retry)
    expect(await spent(dead)).toEqual([60])
    expect(await finish(db, dead)).toEqual({ outcome: 'taken_over' })
    expect(await spent(dead)).toEqual([60])
  })

  test.for<[string, (start: TurnStart) => Promise<unknown>]>([
    ['its session', (start) => deleteSession(db, start.userId, start.sessionId)],
    ['its user', (start) => eraseSomeOfUser(db, start.userId)],
    [
      'a row by hand',
      (start) => sql`delete from sessions where id = ${start.sessionId}`.execute(db.kysely),
    ],
  ])('after the erasure of %s settles its debit once', async ([, erase]) => {
    const start = cappedStart({ user: 1_000 })
    await beginTurn(db, start)
    await erase(start)
    for (let time = 0; time < 2; time += 1) {
      expect(await finish(db, start, {}, 50)).toEqual({ outcome: 'session_deleted' })
      expect(await rowsOf(start)).toMatchObject([
        { tokens: '30', prompt_tokens: '20', completion_tokens: '10', cached_tokens: '16' },
      ])
    }
  })

  test('and was then erased is not settled a second time', async () => {
    const { start } = await takeTurn(db, cappedStart({ user: 1_000 }))
    await deleteSession(db, start.userId, start.sessionId)
    expect(await finish(db, start)).toEqual({ outcome: 'session_deleted' })
    expect(await spent(start)).toEqual([30])
  })
})

test('a turn that is abandoned is refunded whole, to each of its payers, once', async () => {
  const start = cappedStart({ user: 1_000, address: 1_000, site: 1_000_000 })
  const before = await rowsOf(start)
  await beginTurn(db, start)
  for (const outcome of ['abandoned', 'not_begun'] as const) {
    expect(await abandonTurn(db, start, { errorCode: 'database_unavailable' })).toBe(outcome)
    const site = before.find(({ payer }) => payer === 'site')?.tokens ?? '0'
    expect((await rowsOf(start)).map(({ tokens }) => tokens).toSorted()).toEqual(
      ['0', '0', site].toSorted(),
    )
  }
})

describe('a debit stays', () => {
  test('where its Worker died, and the retry is debited anew', async () => {
    const dead = cappedStart({ user: 250 })
    await beginTurn(db, dead)
    await expireLease(db, dead)
    const { finished } = await takeTurn(db, { ...dead, lease: crypto.randomUUID() })
    expect(finished).toMatchObject({ outcome: 'stored' })
    expect(await spent(dead)).toEqual([130])
  })

  test('until a late finish under a lease that nobody took', async () => {
    const slow = cappedStart({ user: 1_000 })
    await beginTurn(db, slow)
    await expireLease(db, slow)
    await finish(db, slow)
    expect(await spent(slow)).toEqual([30])
  })
})

test('a retry of a failed turn and another reply are turns of their own', async () => {
  const start = cappedStart({ user: 10_000 })
  const failed = { status: 'failed', content: '', finishReason: null } as const
  const nothing = { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0 }
  await takeTurn(db, start, { ...failed, spent: nothing })
  expect(await spent(start)).toEqual([0])
  await takeTurn(db, { ...start, lease: crypto.randomUUID() })
  expect(await spent(start)).toEqual([30])
  const other = { regenerate: start.replyId, replyId: crypto.randomUUID() }
  await takeTurn(db, { ...start, ...other, lease: crypto.randomUUID() })
  expect(await rowsOf(start)).toMatchObject([{ tokens: '60', turns: 3 }])
})
