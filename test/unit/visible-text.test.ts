import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { abbreviate, cutText, isBlank, trimBlank } from '../../src/visible-text.ts'
import { anyCharacter } from '../generators/any-character.ts'

/** Characters of several code points, each one character for its reader. */
const clusters = {
  'a flag': '🇺🇳',
  'a flag of tags': '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
  'a family': '👨‍👩‍👧‍👦',
  'a skin tone': '👩🏽‍🚀',
  'a keycap': '1️⃣',
  'an emoji with a variation selector': '❤️',
  'a letter with marks': 'e\u0301\u0323',
  'Hangul in jamo': '\u1112\u1161\u11ab',
  'a Devanagari conjunct': 'क्षि',
  'a Tamil syllable': 'நி',
  'a Thai vowel': 'กำ',
  'a line end of two characters': '\r\n',
}

const graphemes = new Intl.Segmenter('en')
const boundariesOf = (text: string) =>
  new Set([...graphemes.segment(text)].map(({ index }) => index).concat(text.length))

const anyCluster = fc.oneof(anyCharacter, fc.constantFrom(...Object.values(clusters)))
const anyText = fc.array(anyCluster, { maxLength: 60 }).map((parts) => parts.join(''))

describe('cutting a text', () => {
  test.each(Object.entries(clusters))('never cuts %s', (_, cluster) => {
    for (let before = 0; before < 4; before += 1) {
      const text = 'x'.repeat(before) + cluster.repeat(6)
      for (let max = cluster.length + before; max < text.length; max += 1) {
        const cut = cutText(text, max)
        expect((cut.length - before) % cluster.length, JSON.stringify(cut)).toBe(0)
        expect(max - cut.length).toBeLessThan(cluster.length)
      }
    }
  })

  test('keeps the beginning, within the limit, up to the last boundary', () =>
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 60 }), (text, max) => {
        const cut = cutText(text, max)
        expect(text.startsWith(cut)).toBe(true)
        expect(cut.length).toBeLessThanOrEqual(max)
        expect(cut.isWellFormed()).toBe(text.isWellFormed())
        const fitting = [...boundariesOf(text)].filter((place) => place <= max)
        const last = Math.max(...fitting)
        if (last > 0) expect(cut.length).toBe(last)
        else expect(cut.length).toBeGreaterThanOrEqual(Math.min(text.length, max - 1))
      }),
    ))

  test.each([
    ['1,000 marks on one letter', `Z${'\u0335'.repeat(1_000)}`],
    ['emoji that are all joined', '👩‍'.repeat(300)],
  ])('obeys the limit inside one character that is longer: %s', (_, text) => {
    for (const max of [1, 2, 79, 80]) {
      const cut = cutText(text, max)
      expect(cut.length).toBeLessThanOrEqual(max)
      expect(cut.isWellFormed()).toBe(true)
    }
    expect(cutText(text, 80).length).toBeGreaterThan(78)
    expect(cutText(`ab${text}`, 80)).toBe('ab')
  })

  test('shows by an ellipsis, within the limit, that it was cut', () => {
    expect(abbreviate('x'.repeat(10), 10)).toBe('x'.repeat(10))
    expect(abbreviate('x'.repeat(11), 10)).toBe(`${'x'.repeat(9)}…`)
    expect(abbreviate(`${'x'.repeat(8)}😀😀`, 10)).toBe(`${'x'.repeat(8)}…`)
  })
})

/** Each shows nothing. */
const invisible = [
  ' \t\r\n\v\f\u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000',
  '\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2061\u2064\u2066\u2069\u206f',
  '\ufeff\u00ad\u061c\u180e\u034f\u17b4\u17b5',
  '\ufe00\ufe0f\u{e0100}\u{e01ef}\u180b',
  '\u115f\u1160\u3164\uffa0\u2800',
  '\u{e0001}\u{e0020}\u{e007f}\ufff9\ufffa\ufffb\u{1d173}',
  '\u0001\u0008\u001b\u007f\u009f',
]

describe('a text is blank', () => {
  test('if it is empty, or if none of its characters shows anything', () => {
    for (const text of ['', ...invisible, invisible.join('')]) {
      expect(isBlank(text), JSON.stringify(text)).toBe(true)
      for (const character of text) expect(isBlank(character), escape(character)).toBe(true)
    }
  })

  test.each(['.', '0', 'ـ', '\u0600', '👩‍🚀', '❤️', 'می‌خواهم', 'क्‍ष', '\u0301', '\ufffd', '⠁', 'ᄀ'])(
    'never if it shows something: %s',
    (text) => {
      for (const around of ['', ...invisible])
        expect(isBlank(around + text + around), text).toBe(false)
    },
  )

  test('by each of a million characters', () => {
    expect(isBlank('\u200b'.repeat(1_000_000))).toBe(true)
    expect(isBlank(`${'\u200b'.repeat(1_000_000)}x`)).toBe(false)
  })
})

describe('trimming a text', () => {
  test('removes what shows nothing at its ends', () => {
    for (const around of invisible) expect(trimBlank(`${around}a b${around}`)).toMatch(/^a b[^ ]*$/)
    expect(trimBlank(' \u200b\ufeff\u2060 Hello,\u200b you \u00ad\u3164')).toBe('Hello,\u200b you')
    expect(trimBlank(invisible.join(''))).toBe('')
  })

  test.each(Object.values(clusters).filter((cluster) => !isBlank(cluster)))(
    'keeps each part of a character: %j',
    (cluster) => expect(trimBlank(`\u200b${cluster} `)).toBe(cluster),
  )
})

function escape(character: string): string {
  return `U+${character.codePointAt(0)?.toString(16)}`
}
