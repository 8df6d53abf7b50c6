import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createByteLimit, utf8Bytes } from '../../../src/llm/utf8.ts'
import { anyCharacter } from '../../generators/any-character.ts'
import { anyPlaces, anyText, cutAt } from '../../generators/cut-text.ts'

const encoded = (text: string) => new TextEncoder().encode(text).length

test('bytes are those of UTF-8', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(utf8Bytes(text)).toBe(encoded(text))
    }),
  )
})

test('a limit lets through what fits, whatever the pieces, and no half of a character', () => {
  const whole = fc.string({ unit: anyCharacter, maxLength: 60 }).map((text) => text.toWellFormed())
  fc.assert(
    fc.property(whole, anyPlaces, fc.nat(120), (text, places, most) => {
      const limit = createByteLimit(most)
      let taken = ''
      for (const piece of cutAt(text, places)) {
        const beginning = limit.take(piece)
        taken += beginning
        if (beginning !== piece) break
      }
      // A pair that two pieces share may lose its second half: the first one then counts as U+FFFD.
      const shown = taken.toWellFormed()
      expect(encoded(shown)).toBeLessThanOrEqual(most)
      expect(text.startsWith(taken)).toBe(true)
      const next = String.fromCodePoint(text.codePointAt(taken.length) ?? 0)
      expect(taken === text || encoded(shown) + encoded(next) > most).toBe(true)
    }),
  )
})

test('a limit begins anew', () => {
  const limit = createByteLimit(3)
  expect(limit.take('abcd')).toBe('abc')
  limit.reset()
  expect(limit.take('abcd')).toBe('abc')
})
