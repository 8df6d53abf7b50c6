import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Block } from '../../../../src/widget/markdown/parse/ast.ts'
import { createMarkdownParser } from '../../../../src/widget/markdown/parse/markdown-parser.ts'
import { anyMarkdown } from '../../../generators/any-markdown.ts'
import { everyKind } from '../../../generators/every-kind.ts'
import { blocksToHtml, markdownToHtml } from '../../../rigs/markdown-html.ts'

/** Without what says how far they are read. */
function contentOf(blocks: readonly Block[]): string {
  return JSON.stringify(
    blocks,
    (name, value: unknown) =>
      name === 'settled' || (name === 'start' && typeof value === 'object') ? undefined : value,
    1,
  )
}

const readWhole = (source: string) => contentOf(createMarkdownParser().update(source).children)

/** As it is read where it comes in pieces, cut at these places, with more to come or not. */
function readInPieces(source: string, cuts: readonly (readonly [number, boolean])[]): string {
  const reader = createMarkdownParser()
  for (const [cut, isOpen] of cuts) reader.update(source.slice(0, cut), isOpen)
  return contentOf(reader.update(source).children)
}

describe('in whatever pieces a reply comes, it is read as it is when it comes at once', () => {
  const places = Array.from({ length: everyKind.length + 1 }, (_, place) => place)

  test('in two, cut anywhere', () => {
    const whole = readWhole(everyKind)
    for (const isOpen of [true, false]) {
      const wrong = places.filter((place) => readInPieces(everyKind, [[place, isOpen]]) !== whole)
      expect(wrong).toEqual([])
    }
  })

  test('character by character', () => {
    const whole = readWhole(everyKind)
    for (const isOpen of [true, false]) {
      const cuts = places.map((place) => [place, isOpen] as const)
      expect(readInPieces(everyKind, cuts)).toBe(whole)
    }
  })

  test('any text, in any pieces', () => {
    const cuts = fc.array(fc.tuple(fc.nat(200), fc.boolean()), { maxLength: 60 })
    fc.assert(
      fc.property(anyMarkdown, cuts, (source, chosen) => {
        const inOrder = chosen.toSorted(([one], [other]) => one - other)
        expect(readInPieces(source, inOrder)).toBe(readWhole(source))
      }),
      { numRuns: 5000 },
    )
  })
})

test('what is settled at the end of a line stays as it is, whatever comes', () => {
  fc.assert(
    fc.property(anyMarkdown, anyMarkdown, (early, late) => {
      const reader = createMarkdownParser()
      const { children, settled } = reader.update(`${early}\n`, true)
      const before = blocksToHtml(children.slice(0, settled))
      const after = reader.update(`${early}\n${late}`)
      expect(after.settled).toBeGreaterThanOrEqual(settled)
      expect(blocksToHtml(after.children.slice(0, settled))).toBe(before)
    }),
    { numRuns: 5000 },
  )
})

describe('while more is to come', () => {
  const open = (source: string) =>
    blocksToHtml(createMarkdownParser().update(source, true).children)

  test.each([
    ['**bo', '<p><strong>bo</strong></p>'],
    ['**bold*', '<p><strong>bold</strong></p>'],
    ['*a **b `c', '<p><em>a <strong>b <code>c</code></strong></em></p>'],
    ['- ~~a', '<ul>\n<li>\n<del>a</del>\n</li>\n</ul>'],
    [
      '| a |\n|---|\n| **x',
      '<table><tr><th>a</th></tr><tr><td><strong>x</strong></td></tr></table>',
    ],
    ['## **a', '<h2><strong>a</strong></h2>'],
  ])('marks that are not closed hold: %s', (source, expected) => {
    expect(open(source)).toBe(expected)
  })

  test.each([
    ['a\n-', '<p>a</p>'],
    ['a\n\n1.', '<p>a</p>'],
    ['a\n\n##', '<p>a</p>'],
    ['a\n\n--', '<p>a</p>'],
    ['a\n\n``', '<p>a</p>'],
    ['a\n\n| b | c |', '<p>a</p>'],
    ['a\n\n| b | c |\n|--', '<p>a</p>'],
    ['```\na\n``', '<pre><code>a\n</code></pre>'],
    ['a [b', '<p>a </p>'],
    ['a ![b](https://x', '<p>a </p>'],
    ['a **', '<p>a </p>'],
  ])('what cannot be told yet is left out: %j', (source, expected) => {
    expect(open(source)).toBe(expected)
  })

  test('a bracket that begins no link hides what follows for a while only', () => {
    expect(open(`a [${'b'.repeat(400)}`)).toContain('bbb')
  })

  test('nothing is left out once it is whole', () => {
    for (const source of ['a\n-', '1.', '| b | c |', 'a [b', 'a **', '``']) {
      const reader = createMarkdownParser()
      reader.update(source, true)
      expect(blocksToHtml(reader.update(source).children)).toBe(markdownToHtml(source))
    }
    expect(markdownToHtml('1')).toBe('<p>1</p>')
    expect(markdownToHtml('| b | c |')).toBe('<p>| b | c |</p>')
  })
})
