import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { endOfText } from '../../../../src/turn/continue/text-end.ts'
import { countTokens } from '../../../../src/turn/tokens/token-count.ts'
import { anyCharacter } from '../../../generators/any-character.ts'

const anyText = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 200 }),
  fc
    .array(fc.constantFrom('river ', 'Grüße, ', '你好', '👋🏽', ' ', '\n\n', 'x'), { maxLength: 200 })
    .map((parts) => parts.join('')),
)

describe('the end of a text', () => {
  test('is never over the limit, and is the whole text if that fits', () => {
    fc.assert(
      fc.property(anyText, fc.nat(120), (text, maxTokens) => {
        const end = endOfText(text, maxTokens)
        expect(text.endsWith(end.text)).toBe(true)
        expect(end.tokens).toBe(countTokens(end.text))
        expect(end.tokens).toBeLessThanOrEqual(maxTokens)
        expect(end.isCut).toBe(end.text !== text)
        const isShort = text.length <= 8 * maxTokens
        if (isShort && countTokens(text) <= maxTokens) expect(end.text).toBe(text)
        expect(end.text.isWellFormed()).toBe(true)
      }),
    )
  })

  test('begins with a word, and uses most of the room', () => {
    const text = Array.from({ length: 5_000 }, (_, at) => `word${at}`).join(' ')
    for (const maxTokens of [64, 500, 3_000]) {
      const end = endOfText(text, maxTokens)
      expect(end.text).toMatch(/^word\d+ /)
      expect(end.tokens).toBeGreaterThan(0.8 * maxTokens)
    }
  })
})
