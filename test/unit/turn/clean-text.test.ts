import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTextCleaner } from '../../../src/turn/clean-text.ts'
import { anyCharacter } from '../../generators/any-character.ts'

function clean(chunks: string[]) {
  const cleaner = createTextCleaner()
  return [...chunks.map((chunk) => cleaner.push(chunk)), cleaner.flush()]
}

test('NUL and lone surrogates of a model become U+FFFD', () => {
  expect(clean(['a\0b\ud800c\udc00d']).join('')).toBe('a\uFFFDb\uFFFDc\uFFFDd')
})

test('a surrogate pair that is split over two chunks arrives whole', () => {
  expect(clean(['a\ud83d', '\ude00b'])).toEqual(['a', '😀b', ''])
})

test('a surrogate at the end becomes U+FFFD', () => {
  expect(clean(['a\ud83d'])).toEqual(['a', '\uFFFD'])
})

test('the pieces of a split text are well formed, and joined they are the text', () => {
  const anyText = fc.string({ unit: anyCharacter, maxLength: 40 })
  fc.assert(
    fc.property(anyText, fc.array(fc.nat(40)), (text, cuts) => {
      const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).toSorted((a, b) => a - b)]
      const chunks = places.map((place, index) => text.slice(place, places[index + 1]))
      const pieces = clean(chunks)
      expect(pieces.every((piece) => piece.isWellFormed())).toBe(true)
      expect(pieces.join('')).toBe(text.toWellFormed().replaceAll('\0', '\uFFFD'))
    }),
  )
})
