import { type RecallQuery, termOf } from './terms.ts'
import { wordsOf } from './words.ts'

/**
 * The terms that the database adds to a query of fewer than three: those of the message before, in the order in which they are
 * stored, up to 8 with its own.
 * @param before the message of the newest turn with a reply
 */
export function borrowedQuery(
  { terms, borrows }: RecallQuery,
  before: { message: string; contextText: string | null },
): RecallQuery {
  const room = borrows && terms.length < 3 ? 8 - terms.length : 0
  const found = new Map<number, string>()
  for (const text of [before.message, before.contextText ?? ''])
    for (const word of wordsOf(text)) {
      const term = termOf(word)
      if (found.size < room && !terms.includes(term) && !found.has(term))
        found.set(term, word.written)
    }
  return { words: [...found.values()], terms: [...found.keys()], borrows: false }
}
