import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/db/database.ts'
import { findNextContext } from '../../src/db/turns/next-context.ts'
import { queryTerms } from '../../src/turn/recall/terms.ts'
import { type Chat, languages, readTestSet } from '../recall/read-test-set.ts'
import { testDatabase, turnStart } from '../rigs/conversation.ts'
import { writeTurns } from '../rigs/recall-turns.ts'

const db = testDatabase()
const chats = languages.map((language) => ({ language, ...readTestSet(language) }))
const windowTurns = 3

/** The indices of the recalled turns for each question, best first. */
async function ranksOf(to: Database, { turns, questions }: Chat): Promise<number[][]> {
  const start = turnStart({ window: { ...turnStart().window, maxTurns: windowTurns } })
  await writeTurns(to, start, turns)
  const ranks: number[][] = []
  for (const { text } of questions) {
    const { terms } = queryTerms(text, null)
    const recall = { tokens: 100_000, terms, borrows: false, scope: 'session' } as const
    const context = await findNextContext(to, { ...start, recall })
    ranks.push(context?.recalled.map(({ seq }) => (seq - 1) / 2) ?? [])
  }
  return ranks
}

interface Ranked {
  name: string
  chat: Chat
  /** For each question. */
  ranks: number[][]
}

/** How much of the evidence is among the first of the recalled turns, in percent. */
function recallAt(most: number, sets: readonly Ranked[]): number {
  const found = sets.flatMap(({ chat, ranks }) =>
    chat.questions.flatMap(({ evidence }, index) =>
      evidence.map((turn) => ranks[index]?.slice(0, most).includes(turn)),
    ),
  )
  return Math.round((100 * found.filter(Boolean).length) / found.length)
}

/** One session of all languages, a turn of each in its turn. */
const mixed: Chat = {
  turns: Array.from({ length: 50 }, (_, turn) =>
    chats.flatMap(({ turns }) => turns[turn] ?? []),
  ).flat(),
  questions: chats.flatMap(({ questions }, place) =>
    questions.map((question) => ({
      ...question,
      evidence: question.evidence.map((turn) => turn * chats.length + place),
    })),
  ),
}

async function measured(): Promise<Ranked[]> {
  const sets: Ranked[] = []
  for (const { language, ...chat } of chats)
    sets.push({ name: language, chat, ranks: await ranksOf(db, chat) })
  sets.push({ name: 'mixed', chat: mixed, ranks: await ranksOf(db, mixed) })
  return sets
}

describe('60 facts in 300 turns of 6 languages', () => {
  test('are in each language 10 facts in 50 turns, and each is asked for', () => {
    for (const { questions, turns } of chats) {
      expect(turns).toHaveLength(50)
      expect(questions).toHaveLength(10)
      expect(new Set(questions.flatMap(({ facts }) => facts)).size).toBe(10)
      for (const { evidence } of questions)
        expect(Math.max(...evidence)).toBeLessThan(turns.length - windowTurns)
    }
  })

  test('are recalled as often as the floors say, by the same ranks in each database', async () => {
    const sets = await measured()
    const [alone, together] = [sets.slice(0, -1), sets.slice(-1)]
    console.log('Recall at 5 and at 10, in percent of the turns that answer a question')
    console.table(
      Object.fromEntries(
        [...sets.map((set) => [set.name, [set]] as const), ['all six', alone] as const].map(
          ([name, some]) => [name, { at5: recallAt(5, some), at10: recallAt(10, some) }],
        ),
      ),
    )
    expect(recallAt(5, alone)).toBeGreaterThanOrEqual(88)
    expect(recallAt(10, alone)).toBeGreaterThanOrEqual(90)
    expect(recallAt(5, together)).toBeGreaterThanOrEqual(88)
    expect(recallAt(10, together)).toBeGreaterThanOrEqual(90)
    const lines = sets.flatMap(({ name, chat, ranks }) =>
      chat.questions.map(({ facts, evidence, hard }, index) => {
        const turns = ranks[index]?.map(
          (turn) => `${evidence.includes(turn) ? '*' : ''}${turn + 1}`,
        )
        return `${name} ${facts.join('+')}${hard ? ` (${hard})` : ''}: ${turns?.join(' ')}`
      }),
    )
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('../recall/ranks.txt')
  })
})
