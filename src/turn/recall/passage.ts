import { cutText } from '../../visible-text.ts'
import { type RecallQuery, termOf } from './terms.ts'
import { runsOf } from './words.ts'

/** A word of a query that a text has. */
export interface Hit {
  /** The place in the text, about. */
  at: number
  /** The word's place in the query. */
  word: number
}

/** A part of a text. */
export interface Passage {
  /** With an ellipsis where something was left out. */
  text: string
  isCut: boolean
}

/** The places of the words of a query in a text. */
export function findHits(text: string, { terms }: RecallQuery): Hit[] {
  if (terms.length === 0) return []
  const places = new Map(terms.map((term, place) => [term, place]))
  const hits: Hit[] = []
  for (const { start, written, words } of runsOf(text)) {
    const found = new Map<number, string>()
    for (const word of words) {
      const place = places.get(termOf(word))
      if (place !== undefined && !found.has(place)) found.set(place, word.written)
    }
    for (const [word, piece] of found) hits.push({ at: start + written.indexOf(piece), word })
  }
  return hits.toSorted((a, b) => a.at - b.at)
}

/**
 * The part of a text, at most `maxChars` long, that has the most words of a query: the beginning, if that is as good. It begins
 * and ends after a sentence or a word, if one ends near. The time is linear.
 * @param hits of the text, in order
 */
export function passageOf(text: string, hits: readonly Hit[], maxChars: number): Passage {
  if (text.length <= maxChars) return { text, isCut: false }
  const room = maxChars - 2
  const { first, last } = densest(hits, 0.7 * maxChars)
  const start =
    last < 0.85 * maxChars
      ? 0
      : beginNear(text, Math.min((first + last - room) / 2, text.length - room), room)
  const end = start + room < text.length ? endNear(text, start, room) : text.length
  const passage = text.slice(start, end).trim()
  return { text: `${start > 0 ? '…' : ''}${passage}${end < text.length ? '…' : ''}`, isCut: true }
}

/** The first span, at most `maxChars` long, with the most different words. */
function densest(hits: readonly Hit[], maxChars: number): { first: number; last: number } {
  const held = new Map<number, number>()
  let best = { words: 0, first: 0, last: 0 }
  let next = 0
  for (const { at, word } of hits) {
    for (; next < hits.length && hits[next]!.at - at <= maxChars; next++)
      held.set(hits[next]!.word, (held.get(hits[next]!.word) ?? 0) + 1)
    if (held.size > best.words) best = { words: held.size, first: at, last: hits[next - 1]!.at }
    const times = held.get(word)! - 1
    if (times === 0) held.delete(word)
    else held.set(word, times)
  }
  return best
}

/** Passes over the rest of a sentence or of a word, up to an eighth of the room. */
function beginNear(text: string, place: number, room: number): number {
  const start = Math.max(0, Math.floor(place))
  if (start === 0) return 0
  const near = text.slice(start, start + room / 8)
  const [passed] =
    /^.*?(?:[.!?…]\s|[\n。！？])/su.exec(near) ??
    /^\S*\s/u.exec(near) ??
    /^[\udc00-\udfff\p{M}]*/u.exec(near)!
  return start + passed.length
}

/** Leaves out the beginning of a sentence or of a word, up to an eighth of the room. */
function endNear(text: string, start: number, room: number): number {
  const passage = cutText(text.slice(start), room)
  const near = passage.slice(-room / 8)
  const [kept] = /^.*(?:[.!?…]\s|[\n。！？])/su.exec(near) ?? /^.*\s/su.exec(near) ?? [near]
  return start + passage.length - near.length + kept.length
}
