import fc from 'fast-check'
import { anyCharacter } from './any-character.ts'

export const anyPlaces = fc.array(fc.nat(10_000), { maxLength: 12 })

/** Rich in characters that a database refuses or that mean something in a stream of events. */
export const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom('a', '\0', '\ud83d', '\ude00', 'é', '你', '\r', '\n', '"', '\u2028'),
    anyCharacter,
  ),
  maxLength: 60,
})

/** Cuts `text` at these places, each taken modulo its length. */
export function cutAt<Text extends string | Uint8Array>(text: Text, places: number[]): Text[] {
  const ends = [...new Set(places.map((place) => place % (text.length + 1)))].toSorted(
    (a, b) => a - b,
  )
  return [0, ...ends].map((from, index) => text.slice(from, ends[index] ?? text.length) as Text)
}
