import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createSeamFilter } from '../../../../src/turn/continue/seam.ts'
import { anyCharacter } from '../../../generators/any-character.ts'

/** The text with what the filter lets through of a continuation, in these pieces. */
function joined(before: string, ...chunks: string[]): string {
  const seam = createSeamFilter(before)
  return [before, ...chunks.map((chunk) => seam.push(chunk)), seam.flush('stop')].join('')
}

const spaces = fc.constantFrom(
  ' ',
  ' ',
  ' ',
  ' ',
  '\n',
  '\n\n',
  '  ',
  ', ',
  '. ',
  ' – ',
  ': "',
  '\n- ',
  '\n\n```js\n',
)
const alphabets = ['abcdefgh', 'äöüßéñ', 'жшщыёи', 'אבגדהו', '😀👋🏽𝒜🚀🜁𐍈'].map((letters) =>
  Array.from(letters),
)

/** Words of letters and a number of their own, so that no word occurs twice by chance. */
const words = fc
  .array(
    fc.tuple(
      fc
        .constantFrom(...alphabets)
        .chain((alphabet) =>
          fc.array(fc.constantFrom(...alphabet), { minLength: 2, maxLength: 6 }),
        ),
      spaces,
    ),
    { minLength: 8, maxLength: 60 },
  )
  .map((parts) =>
    parts.map(([letters, space], at) => ({ word: `w${letters.join('')}${at + 100}`, space })),
  )

const texts = words.map((parts) =>
  parts
    .map(({ word, space }) => word + space)
    .join('')
    .trimEnd(),
)

/** A text, cut between two characters with at least four words before and something after. */
const cuts = fc
  .tuple(texts, fc.double({ min: 0.3, max: 0.95, noNaN: true }))
  .map(([text, share]) => {
    const characters = Array.from(text)
    const at = Math.min(characters.length - 1, Math.floor(characters.length * share))
    return { before: characters.slice(0, at).join(''), after: characters.slice(at).join('') }
  })

/** A text in pieces of whole characters. */
function pieces(text: string, sizes: readonly number[]): string[] {
  const characters = Array.from(text)
  const found: string[] = []
  for (let at = 0, turn = 0; at < characters.length; turn += 1) {
    const size = sizes[turn % sizes.length]!
    found.push(characters.slice(at, at + size).join(''))
    at += size
  }
  return found
}

const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 })

describe('a text that was cut anywhere is whole, and nothing is in it twice', () => {
  test('if the model says its last words again', () => {
    fc.assert(
      fc.property(
        cuts,
        fc.integer({ min: 2, max: 12 }),
        sizes,
        ({ before, after }, count, parts) => {
          const starts = Array.from(before.matchAll(/(?<!\S)\S/gu), ({ index }) => index)
          const place = starts.at(-Math.min(count + 1, starts.length))!
          expect(joined(before, ...pieces(before.slice(place) + after, parts))).toBe(before + after)
        },
      ),
    )
  })

  test('if the model begins again', () => {
    fc.assert(
      fc.property(cuts, sizes, ({ before, after }, parts) => {
        expect(joined(before, ...pieces(before + after, parts))).toBe(before + after)
      }),
    )
  })

  test('if the model simply goes on', () => {
    fc.assert(
      fc.property(cuts, sizes, ({ before, after }, parts) => {
        expect(joined(before, ...pieces(after, parts))).toBe(before + after)
      }),
    )
  })

  test('if the model trims what it says again, and writes other white space in it', () => {
    fc.assert(
      fc.property(cuts, fc.boolean(), sizes, ({ before, after }, isRestart, parts) => {
        const starts = Array.from(before.matchAll(/(?<!\S)\S/gu), ({ index }) => index)
        const again = (isRestart ? before : before.slice(starts.at(-4)))
          .replaceAll(/\s+/g, ' ')
          .trim()
        const space = /\s*$/.exec(before)![0]
        const said = space === '' || /^\s/.test(after) ? again + space + after : `${again} ${after}`
        expect(joined(`\n${before}`, ...pieces(said, parts))).toBe(`\n${before}${after}`)
      }),
    )
  })
})

test('any continuation of any text either passes unchanged or lacks its beginning', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: anyCharacter, maxLength: 60 }),
      fc.string({ unit: anyCharacter }),
      sizes,
      (before, said, parts) => {
        const added = joined(before, ...pieces(said, parts)).slice(before.length)
        expect(said.endsWith(added)).toBe(true)
      },
    ),
  )
})

describe('the seam', () => {
  test.each([
    ['a cut word that is begun again', 'The quick bro', 'brown fox', 'The quick brown fox'],
    ['a cut word that goes on', 'The quick bro', 'wn fox', 'The quick brown fox'],
    ['words with a cut one', 'The quick bro', 'The quick brown fox', 'The quick brown fox'],
    [
      'words after white space',
      'It is a very long',
      '\n\nvery long way.',
      'It is a very long way.',
    ],
    ['an ellipsis first', 'It is a very long', '… a very long way.', 'It is a very long way.'],
    ['three dots first', 'It is a very long', '...a very long way.', 'It is a very long way.'],
    ['a new paragraph', 'One. Two.', 'One. Two.\n\nThree.', 'One. Two.\n\nThree.'],
    ['a half of a paragraph break', 'One. Two.\n', 'Two.\n\nThree.', 'One. Two.\n\nThree.'],
    ['a break that is written already', 'One. Two.\n\n', 'Two. Three.', 'One. Two.\n\nThree.'],
    ['a space that is written already', 'One two ', 'one two'.slice(4) + ' three', 'One two three'],
    [
      'Chinese, which has no spaces',
      '我今天早上吃了苹',
      '早上吃了苹果和面包。',
      '我今天早上吃了苹果和面包。',
    ],
    [
      'a list item',
      '- red\n- green\n- bl',
      '- green\n- blue\n- white',
      '- red\n- green\n- blue\n- white',
    ],
    [
      'a phrase in a text of the same',
      'on and on and on',
      'on and on and on and so',
      'on and on and on and so',
    ],
    ['only the words again', 'The quick brown', 'quick brown', 'The quick brown'],
    ['all of it again and no more', 'The quick brown', 'The quick brown', 'The quick brown'],
  ])('closes over %s', (_, before, said, whole) => {
    expect(joined(before, said)).toBe(whole)
    expect(joined(before, ...pieces(said, [1]))).toBe(whole)
  })

  test.each([
    ['a short word by chance', 'This is a', 'a'],
    ['a part of a word', 'I was in', 'interested in art'],
    ['a word said twice after a space', 'It is very', ' very good'],
    ['words that part ways', 'The quick brown', 'The quick red fox and the quick brown dog'],
    ['a longer word than the last one', 'It is quick ', 'quicker than that'],
    ['the end of a word', 'The outside', 'side by side'],
    ['punctuation', 'Wait...', '... what'],
    ['a table rule', '| a | b |\n| --- |', ' --- |\n| 1 | 2 |'],
    ['dots that are no ellipsis', 'One', '.. two'],
    ['white space', 'One', '\n\n'],
    ['an empty text', '', 'One two'],
    ['white space before', ' \n', 'One two'],
  ])('passes %s unchanged', (_, before, said) => {
    expect(joined(before, said)).toBe(before + said)
    expect(joined(before, ...pieces(said, [1]))).toBe(before + said)
  })

  test('holds back nothing that can be no repetition', () => {
    const seam = createSeamFilter('The river is quiet in')
    expect(seam.push(' the')).toBe(' the')
    expect(seam.push(' river')).toBe(' river')
    const other = createSeamFilter('The river is quiet in')
    expect(other.push('qui')).toBe('')
    expect(other.push('et in the')).toBe(' the')
  })

  test('a restart that breaks off is left out, and a refrain is kept', () => {
    const before = `${'One two three four. '.repeat(2)}Five six.`
    const said = 'One two three four. One two three four.'
    const added = (finishReason: string | undefined) => {
      const seam = createSeamFilter(before)
      return seam.push(said) + seam.flush(finishReason)
    }
    expect(added(undefined)).toBe('')
    expect(added('length')).toBe('')
    expect(added('stop')).toBe(said)
  })

  test.each([
    ['code', 'if (x === 1) {\n  y = 2\n}\n', '(x === 1) {\n  y = 2\n}\nelse {'],
    ['a table', '| 1 | 2 |\n| 3 | 4', '| 2 |\n| 3 | 4 |\n'],
    ['a fence', '```js\na = 1', '```js\na = 1\n```'],
  ])('closes over the repeated end of %s', (_, before, said) => {
    for (let cut = 1; cut <= before.length; cut += 1) {
      const tail = before
        .slice(0, cut)
        .split(/(?<=\s)/)
        .slice(-3)
        .join('')
      if (tail.replace(/\s/g, '').length < 3 || !/^\S+\s+\S/.test(tail)) continue
      const whole = before + said
      expect(joined(before.slice(0, cut), tail + whole.slice(cut))).toBe(whole)
    }
  })

  test('keeps a line like the last one', () => {
    const before = 'Sizes:\n- red shirt'
    expect(joined(before, '\n- red shirt, large\n- blue')).toBe(
      'Sizes:\n- red shirt\n- red shirt, large\n- blue',
    )
  })

  test('is not slow for much white space, or for a text that is said again character by character', () => {
    // Quadratic time would be minutes.
    const text = 'one two '.repeat(60_000)
    const seam = createSeamFilter(`${' '.repeat(200_000)}x${' '.repeat(200_000)}x${text}end`)
    let added = ''
    for (const character of ` ${' '.repeat(100_000)}x`) added += seam.push(character)
    const again = createSeamFilter(text)
    for (const character of text) added += again.push(character)
    expect(added).toMatch(/^\s*x?$/)
  })

  test('says nothing twice, wherever the model is cut off', () => {
    const before = 'One two three four. The quick brown fox'
    for (const said of ['quick brown fox jumps over it', `${before} jumps over it`])
      for (let length = 0; length <= said.length; length += 1) {
        const seam = createSeamFilter(before)
        const added = seam.push(said.slice(0, length)) + seam.flush(undefined)
        expect(' jumps over it'.startsWith(added), said.slice(0, length)).toBe(true)
      }
    const other = createSeamFilter(before)
    expect(other.push(' jumps o') + other.flush(undefined)).toBe(' jumps o')
  })

  test('leaves out no more than the last 4,000 characters of a text of one word', () => {
    const seam = createSeamFilter('ab '.repeat(100_000))
    let added = ''
    for (let chunk = 0; chunk < 5_000; chunk += 1) added += seam.push('ab ')
    added += seam.flush('stop')
    expect(15_000 - added.length).toBe(3_999)
  })
})
