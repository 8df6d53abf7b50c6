import { type Word, wordsOf } from './words.ts'

/** Most terms of a turn's message, and of its reply. */
const maxTerms = 256
/** What a query may cost: 8 words take it, or 12 pieces. */
const queryRoom = 24

/** What recall looks for. */
export interface RecallQuery {
  /** The words of the message, as written in lower case. */
  words: string[]
  /** The term of each word. */
  terms: number[]
  /** Whether words of the message before may join. */
  borrows: boolean
}

/**
 * The terms of a text: a hash for each of its distinct words, in the order of their first appearance. Stored terms were made by
 * this function: a text whose terms change is not recalled any more.
 */
export function termsOf(text: string): number[] {
  return [...addTerms(new Set(), text, Infinity)]
}

/** The terms of a turn: those of the message, of which there are `messageTerms`, and then those that only the reply has. */
export function turnTerms(
  message: string,
  contextText: string | null,
  reply: string,
): { terms: number[]; messageTerms: number } {
  const terms = addTerms(new Set(), message, maxTerms)
  if (contextText !== null) addTerms(terms, contextText, maxTerms)
  const messageTerms = terms.size
  addTerms(terms, reply, messageTerms + maxTerms)
  return { terms: [...terms], messageTerms }
}

/**
 * The words of a message that say most of it, best first: 8 words, or 12 pieces of words, since a word has two pieces or
 * more. Of equal words that are too many, takes some of each part of the message.
 */
export function queryTerms(message: string, contextText: string | null): RecallQuery {
  const found = new Map<number, Word>()
  for (const text of [message, contextText ?? ''])
    for (const word of wordsOf(text)) {
      const term = termOf(word)
      const known = found.get(term)
      if (!known || known.weight < word.weight) found.set(term, word)
    }
  const query: RecallQuery = { words: [], terms: [], borrows: true }
  let room = queryRoom
  const byWeight = Map.groupBy(found, ([, word]) => word.weight)
  for (const [, equals] of [...byWeight].toSorted(([a], [b]) => b - a)) {
    const cost = equals.some(([, { isPiece }]) => !isPiece) ? queryRoom / 8 : queryRoom / 12
    const taken = Math.min(equals.length, Math.floor(room / cost))
    room -= taken * cost
    for (let i = 0; i < taken; i++) {
      const [term, word] = equals[Math.floor((i * equals.length) / taken)]!
      query.terms.push(term)
      query.words.push(word.written)
    }
  }
  return query
}

function addTerms(terms: Set<number>, text: string, maxSize: number): Set<number> {
  for (const word of wordsOf(text)) {
    if (terms.size >= maxSize) break
    terms.add(termOf(word))
  }
  return terms
}

/** FNV-1a over the UTF-16 units of the stem, then the finaliser of MurmurHash3, as a signed integer of 32 bits. */
export function termOf({ stem }: Word): number {
  let hash = 0x811c9dc5
  for (let unit = 0; unit < stem.length; unit++)
    hash = Math.imul(hash ^ stem.charCodeAt(unit), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
