import { courtesies, fillers, questionMark } from './fillers.ts'
import { runsOf, type Word, wordsOf } from './words.ts'

/** Most terms of a turn's message, and of its reply. */
const maxTerms = 256
/** Most terms of a query: the database looks for each of them. */
const maxQueryTerms = 12
/** A capital letter inside a sentence, where a name has it, and a German noun. */
const namePattern = /(?<=[\p{L}\p{N},;] |['’(\p{Lo}])\p{Lu}[\p{L}\p{M}]*/gu
/** Once a query is full of words that weigh this much, lighter ones are left out at once. */
const heavyWeight = 6
/** How many letters a capital letter counts for. */
const nameWeight = 8

/** The words that recall looks for. */
export interface RecallQuery {
  /** The words of the message, as written in lower case. */
  words: string[]
  /** The term of each word. */
  terms: number[]
  /** Whether a query of few words may take those of the message before: not for thanks, assent or a greeting. */
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
 * The words of a message that say most of it, best first. Of equal words that are too many, takes some of each part of the
 * message.
 */
export function queryTerms(message: string, contextText: string | null): RecallQuery {
  const found = new Map<number, Word>()
  const names = new Set<string>()
  let heavy = 0
  let borrows = questionMark.test(message)
  for (const text of [message, contextText ?? '']) {
    for (const [name] of text.matchAll(namePattern)) names.add(name.toLowerCase())
    for (const { written, words } of runsOf(text)) {
      if (courtesies.has(written)) continue
      borrows ||= text === message && /\p{L}/u.test(written)
      if (fillers.has(written)) continue
      for (const word of words) {
        const isHeavy = word.weight >= heavyWeight || names.has(word.written)
        if (!isHeavy && heavy >= maxQueryTerms) continue
        const term = termOf(word)
        const known = found.get(term)
        if (known && known.weight >= word.weight) continue
        if (!known && isHeavy) heavy += 1
        found.set(term, word)
      }
    }
  }
  const query: RecallQuery = { words: [], terms: [], borrows }
  const byWeight = Map.groupBy(
    found.values(),
    ({ written, weight }) => weight + (names.has(written) ? nameWeight : 0),
  )
  for (const [, equals] of [...byWeight].toSorted(([a], [b]) => b - a)) {
    const taken = Math.min(equals.length, maxQueryTerms - query.terms.length)
    // The pieces at the beginning of a part are those of a whole word more often. A question is often at the end.
    const fromEnd = equals[0]!.isPiece ? 0 : 1
    for (let i = fromEnd; i < taken + fromEnd; i++) {
      const word = equals[Math.floor((i * equals.length) / taken) - fromEnd]!
      query.terms.push(termOf(word))
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
