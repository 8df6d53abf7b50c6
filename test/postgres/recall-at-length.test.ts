import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createDatabase, type Database } from '../../src/db/database.ts'
import { beginTurn } from '../../src/db/turns/begin-turn.ts'
import type { PromptPart } from '../../src/turn/prompt/parts.ts'
import { queryTerms } from '../../src/turn/recall/terms.ts'
import { startTurn, type TurnDeps, type TurnSettings } from '../../src/turn/start-turn.ts'
import { factOfCommonWords, factsAtLength } from '../recall/facts-at-length.ts'
import { turnStart } from '../rigs/conversation.ts'
import { callOf } from '../rigs/database-calls.ts'
import { type BufferMeter, openBufferMeter } from '../rigs/recall-buffers.ts'
import { type SeededSession, seedMillion } from '../rigs/recall-million.ts'
import { startDatabase, type TestDatabase } from '../rigs/start-database.ts'

let own: TestDatabase
let db: Database
let sessions: Map<string, SeededSession>
/** A connection that planned begin_turn for tables of a few rows. */
let early: BufferMeter

beforeAll(async () => {
  own = await startDatabase('postgres')
  await own.migrate()
  db = createDatabase({ ...own, timeoutMs: 60_000 })
  early = await openBufferMeter(own, 'force_generic_plan')
  await early.measure(await beginOf(turnStart(), 'What is our greyhound called?'))
  sessions = await seedMillion(own)
}, 600_000)

afterAll(async () => {
  await early?.close()
  await own?.close()
})

const settings: TurnSettings = {
  model: 'test-model',
  systemPrompt: 'You are a helpful assistant on this website.',
  systemTokens: 10,
  countedBy: 'test-model#1',
  leaseMs: 15_000,
  dailyCaps: { perUser: undefined, perAddress: undefined, perSite: undefined, addressKey: '' },
  maxTurns: 200,
  tokenBudget: 8_000,
  maxCompletionTokens: 1_024,
  recall: { tokens: 1_000, scope: 'session' },
  sendsCacheKey: false,
}

/** The call of begin_turn for a message, as the settings' defaults make it. */
async function beginOf(session: { userId: string; sessionId: string }, content: string) {
  const { userId, sessionId } = session
  const start = turnStart({ userId, sessionId, content })
  const [query] = await callOf(db, (to) =>
    beginTurn(to, {
      ...start,
      window: { ...start.window, maxTurns: settings.maxTurns, tokens: 6_900 },
      recall: { ...settings.recall, terms: queryTerms(content, null).terms, borrows: true },
    }),
  )
  if (query === undefined) throw new Error('nothing was sent')
  return query
}

/** Starts a turn, and takes its rows back. */
async function ask({ userId, sessionId, turns }: SeededSession, message: string) {
  let calls = 0
  const counting: Database = {
    ...db,
    single: (...call) => {
      calls += 1
      return db.single(...call)
    },
    batch: (...call) => {
      calls += 1
      return db.batch(...call)
    },
  }
  const deps = { db: counting, settings } as TurnDeps
  const caller = { userId, address: undefined }
  const { next } = await startTurn(
    deps,
    caller,
    { sessionId, message },
    {
      replyId: crypto.randomUUID(),
      waitUntil: () => {},
    },
  )
  await own.exec(`
delete from messages where session_id = '${sessionId}' and seq > ${2 * turns};
update sessions set next_seq = ${2 * turns + 1} where id = '${sessionId}'`)
  if (!('run' in next)) throw new Error('the turn does not run')
  return { calls, prompt: next.run.prompt }
}

function textOf(parts: readonly PromptPart[]): string {
  return JSON.stringify(parts)
}

function maxBuffers({ turns, isWide }: SeededSession): number {
  // Beside so many terms, Postgres keeps long texts out of line: a page or two more for each turn of the window.
  if (turns <= 50) return isWide ? 360 : 300
  return turns <= 500 ? 1_000 : 2_500
}

/** The calls that take more buffers than their session's length allows. */
async function overBound(meter: BufferMeter): Promise<string[]> {
  const over: string[] = []
  for (const [name, session] of sessions)
    for (const { fact, turnsAgo } of session.facts) {
      const { buffers } = await meter.measure(await beginOf(session, fact.question))
      if (buffers > maxBuffers(session)) over.push(`${name}, ${turnsAgo} turns ago: ${buffers}`)
    }
  return over
}

describe('in a table of a million messages', () => {
  test('the turns of each session lie apart in the table', async () => {
    for (const [name, { sessionId, turns }] of sessions) {
      const { rows } = await sql<{ pages: number }>`
select count(distinct (ctid::text::point)[0])::integer as pages from messages
where session_id = ${sessionId} and role = 'assistant'`.execute(db.kysely)
      expect(rows[0]?.pages, name).toBeGreaterThan(0.7 * turns)
    }
  })

  test('turns of many words have more terms than PostgreSQL keeps in their row by default', async () => {
    for (const [name, { sessionId, turns, isWide }] of sessions) {
      const { rows } = await sql<{ wide: number }>`
select count(*)::integer as wide from messages
where session_id = ${sessionId} and cardinality(terms) >= 460`.execute(db.kysely)
      if (isWide) expect(rows[0]?.wide, name).toBeGreaterThanOrEqual(Math.min(turns, 1_000))
      else expect(rows[0]?.wide, name).toBe(0)
    }
  })

  test('begin takes few buffers by plans that were made for a few rows', async () => {
    expect(await overBound(early)).toEqual([])
  })

  describe.each(['force_generic_plan', 'force_custom_plan'] as const)('by %s', (mode) => {
    test('begin takes few buffers before there are statistics', async () => {
      const meter = await openBufferMeter(own, mode)
      onTestFinished(() => meter.close())
      expect(await overBound(meter)).toEqual([])
    })
  })

  describe('of which there are statistics', () => {
    beforeAll(() => own.exec('vacuum analyze'), 120_000)

    test.each(['force_generic_plan', 'force_custom_plan'] as const)(
      'begin takes at most 300 buffers for 100 messages, 1,000 for 1,000, 2,500 for 50,000, by %s',
      async (mode) => {
        const meter = await openBufferMeter(own, mode)
        onTestFinished(() => meter.close())
        expect(await overBound(meter)).toEqual([])
      },
    )

    test('recall makes one probe of an index where the window holds the whole session', async () => {
      const session = sessions.get('24 messages')
      const [{ fact } = { fact: undefined }] = session?.facts ?? []
      if (!session || !fact) throw new Error('no session')
      const meter = await openBufferMeter(own, 'force_generic_plan')
      onTestFinished(() => meter.close())
      const { recall } = await meter.measure(await beginOf(session, fact.question))
      expect(recall.map(({ nodes }) => nodes.map((node) => node['Index Name']))).toEqual([
        [undefined, 'messages_window'],
      ])
      expect(recall[0]?.nodes[1]).toMatchObject({ 'Actual Rows': 0, 'Actual Loops': 1 })
      expect(recall[0]?.buffers).toBeLessThanOrEqual(4)
    })

    describe.each(Object.keys(factsAtLength))('a fact said in %s', (script) => {
      test.each([5, 200, 20_000])(
        '%i turns ago is in the prompt of the question about it, in one round trip',
        async (turnsAgo) => {
          const session = sessions.get(script)
          const fact = session?.facts.find((each) => each.turnsAgo === turnsAgo)?.fact
          if (!session || !fact) throw new Error('no session')
          const { calls, prompt } = await ask(session, fact.question)
          expect(calls).toBe(1)
          const holders = prompt.filter((part) => textOf([part]).includes(fact.message))
          expect(holders.map(({ kind }) => kind)).toEqual([turnsAgo === 5 ? 'turn' : 'recalled'])
        },
        120_000,
      )
    })

    test.each([
      '100 messages',
      '1,000 messages',
      '100 messages of many words',
      '1,000 messages of many words',
      '50,000 messages of many words',
    ])(
      'each fact of a session of %s is in the prompt of the question about it',
      async (name) => {
        const session = sessions.get(name)
        if (!session) throw new Error('no session')
        for (const { fact, turnsAgo } of session.facts) {
          const { prompt } = await ask(session, fact.question)
          const kind = turnsAgo === 5 ? 'turn' : 'recalled'
          expect(textOf(prompt.filter((part) => part.kind === kind))).toContain(fact.message)
        }
      },
      120_000,
    )

    test('a turn is found that alone has the three common words of a question with an uncommon one', async () => {
      const session = sessions.get('English')
      if (!session) throw new Error('no session')
      const { terms } = queryTerms(factOfCommonWords.question, null)
      const turnsWith = async (some: readonly number[]) => {
        const { rows } = await sql<{ turns: number }>`
select count(*)::integer as turns from messages m
where m.session_id = ${session.sessionId} and m.terms @> salted_terms(${some}::integer[], ${session.sessionId})`.execute(
          db.kysely,
        )
        return rows[0]?.turns ?? 0
      }
      const counted = await Promise.all(
        terms.map(async (term) => ({ term, turns: await turnsWith([term]) })),
      )
      const [uncommon, ...common] = counted.toSorted((a, b) => a.turns - b.turns)
      expect(uncommon?.turns).toBeLessThan(50)
      expect(common.map(({ turns }) => turns > 200)).toEqual([true, true, true])
      expect(await turnsWith(common.map(({ term }) => term))).toBe(1)

      const { prompt } = await ask(session, factOfCommonWords.question)
      expect(textOf(prompt.filter(({ kind }) => kind === 'recalled'))).toContain(
        factOfCommonWords.message,
      )
    }, 120_000)
  })
})
