import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Block } from '../../../../src/widget/markdown/parse/ast.ts'
import { createMarkdownParser } from '../../../../src/widget/markdown/parse/markdown-parser.ts'
import { anyMarkdown } from '../../../generators/any-markdown.ts'
import { everyKind } from '../../../generators/every-kind.ts'
import { blocksToHtml, markdownToHtml } from '../../../rigs/markdown-html.ts'

/** The content of the blocks, without the marks of progress. */
function contentOf(blocks: readonly Block[]): string {
  return JSON.stringify(
    blocks,
    (name, value: unknown) =>
      name === 'settled' || (name === 'start' && typeof value === 'object') ? undefined : value,
    1,
  )
}

const readWhole = (source: string) => contentOf(createMarkdownParser().update(source).children)

/** Parses the source in pieces. Each cut has a place and says whether more text is expected. */
function readInPieces(source: string, cuts: readonly (readonly [number, boolean])[]): string {
  const reader = createMarkdownParser()
  for (const [cut, isOpen] of cuts) reader.update(source.slice(0, cut), isOpen)
  return contentOf(reader.update(source).children)
}

describe('a reply in pieces is parsed like a reply in one piece', () => {
  const places = Array.from({ length: everyKind.length + 1 }, (_, place) => place)

  test('cut in two at any place', () => {
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

  test('any text in any pieces', () => {
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

test('a block that is settled at the end of a line never changes', () => {
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

describe('while more text is expected', () => {
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
  ])('open marks count as closed: %s', (source, expected) => {
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
  ])('an unclear ending is left out: %j', (source, expected) => {
    expect(open(source)).toBe(expected)
  })

  test('a bracket that does not begin a link stops hiding the text after a while', () => {
    expect(open(`a [${'b'.repeat(400)}`)).toContain('bbb')
  })

  test('a complete text is shown completely', () => {
    for (const source of ['a\n-', '1.', '| b | c |', 'a [b', 'a **', '``']) {
      const reader = createMarkdownParser()
      reader.update(source, true)
      expect(blocksToHtml(reader.update(source).children)).toBe(markdownToHtml(source))
    }
    expect(markdownToHtml('1')).toBe('<p>1</p>')
    expect(markdownToHtml('| b | c |')).toBe('<p>| b | c |</p>')
  })
})
