import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Block, Inline } from '../../src/widget/markdown-ast.ts'
import { parseInline } from '../../src/widget/markdown-inline.ts'
import { safeHref } from '../../src/widget/markdown-url.ts'
import { parseMarkdown } from '../../src/widget/markdown.ts'

const blocks = (source: string) => parseMarkdown(source).map(({ block }) => block)
const text = (value: string): Inline => ({ type: 'text', text: value })
const paragraph = (...children: Inline[]): Block => ({ type: 'paragraph', children })

/** A text that shows the structure: `<strong>a</strong>`. */
function show(inlines: readonly Inline[]): string {
  return inlines
    .map((inline) => {
      if (inline.type === 'text') return inline.text
      if (inline.type === 'break') return '<br>'
      if (inline.type === 'code') return `<code>${inline.text}</code>`
      const open = inline.type === 'link' ? `link ${inline.href}` : inline.type
      return `<${open}>${show(inline.children)}</${inline.type}>`
    })
    .join('')
}

describe('blocks', () => {
  test('paragraphs are parted by blank lines, a line break stays one', () => {
    expect(blocks('one\r\n two\n\n \nthree')).toEqual([
      paragraph(text('one'), { type: 'break' }, text('two')),
      paragraph(text('three')),
    ])
  })

  test('a heading needs its space and loses its closing marks', () => {
    expect(blocks('## Head #1 ##\n#hashtag')).toEqual([
      { type: 'heading', level: 2, children: [text('Head #1')] },
      paragraph(text('#hashtag')),
    ])
  })

  test.each(['```', '~~~', '````'])('a block fenced by %s keeps its text as it is', (fence) => {
    expect(blocks(`${fence}js title\n  a **b**\n\n\t<c>\n${fence}\nafter`)).toEqual([
      { type: 'code', language: 'js', text: '  a **b**\n\n\t<c>' },
      paragraph(text('after')),
    ])
  })

  test('a fence that is not closed yet is code to the end', () => {
    expect(blocks('```\na\n``')).toEqual([{ type: 'code', language: '', text: 'a\n``' }])
  })

  test('lists nest by two columns, whatever the width of the marker', () => {
    expect(blocks('1. a\n  - b\n  - c\n    1) d\n2. e')).toEqual([
      {
        type: 'list',
        ordered: true,
        start: 1,
        items: [
          [
            paragraph(text('a')),
            {
              type: 'list',
              ordered: false,
              start: 1,
              items: [
                [paragraph(text('b'))],
                [
                  paragraph(text('c')),
                  { type: 'list', ordered: true, start: 1, items: [[paragraph(text('d'))]] },
                ],
              ],
            },
          ],
          [paragraph(text('e'))],
        ],
      },
    ])
  })

  test('a list goes on over blank lines and wrapped text, and ends where something else begins', () => {
    expect(blocks('3) a\nwrapped\n\n4) b\n\nafter')).toEqual([
      {
        type: 'list',
        ordered: true,
        start: 3,
        items: [[paragraph(text('a'), { type: 'break' }, text('wrapped'))], [paragraph(text('b'))]],
      },
      paragraph(text('after')),
    ])
  })

  test('a number that begins a wrapped line makes no list', () => {
    expect(blocks('born in\n1815. Ada')).toEqual([
      paragraph(text('born in'), { type: 'break' }, text('1815. Ada')),
    ])
  })

  test('quotations hold blocks, and a row of dashes is a rule', () => {
    expect(blocks('> a\n>\n> - b\n\n---\n- - -')).toEqual([
      {
        type: 'quote',
        children: [
          paragraph(text('a')),
          { type: 'list', ordered: false, start: 1, items: [[paragraph(text('b'))]] },
        ],
      },
      { type: 'rule' },
      { type: 'rule' },
    ])
  })

  test('nesting without end is text at some depth, not a crash', () => {
    expect(() => blocks('> '.repeat(50_000))).not.toThrow()
    expect(() => blocks('- '.repeat(50_000))).not.toThrow()
  })
})

describe('inlines', () => {
  test.each([
    [
      '**a** and *b* and ***c***',
      '<strong>a</strong> and <emphasis>b</emphasis> and <emphasis><strong>c</strong></emphasis>',
    ],
    ['__a__ _b_ ~~c~~', '<strong>a</strong> <emphasis>b</emphasis> <strike>c</strike>'],
    ['snake_case_name and __init__.py', 'snake_case_name and <strong>init</strong>.py'],
    ['2 * 3 * 4, ~5, a ** b', '2 * 3 * 4, ~5, a ** b'],
    ['**a *b* c**', '<strong>a <emphasis>b</emphasis> c</strong>'],
    ['**not closed', '**not closed'],
    ['`a **b**` and ``c`d``', '<code>a **b**</code> and <code>c`d</code>'],
    ['`not closed **b**', '`not closed <strong>b</strong>'],
    ['\\*a\\* \\[b] \\z', '*a* [b] \\z'],
    ['<b>a</b> &lt;', '<b>a</b> &lt;'],
  ])('%s', (source, shown) => {
    expect(show(parseInline(source))).toBe(shown)
  })

  test.each([
    ['[a **b**](https://x.y/z "t")', '<link https://x.y/z>a <strong>b</strong></link>'],
    [
      '[a](<https://x.y/(z>) [b](mailto:a@b.c)',
      '<link https://x.y/(z>a</link> <link mailto:a@b.c>b</link>',
    ],
    ['[a](https://x.y/z_(w)_v)', '<link https://x.y/z_(w)_v>a</link>'],
    [
      'see https://x.y/a_b_c?d=*e*&f=(g). Yes',
      'see <link https://x.y/a_b_c?d=*e*&f=(g)>https://x.y/a_b_c?d=*e*&f=(g)</link>. Yes',
    ],
    [
      '(https://x.y/) **https://x.y**',
      '(<link https://x.y/>https://x.y/</link>) <strong><link https://x.y/>https://x.y</link></strong>',
    ],
    ['<https://x.y/z>', '<link https://x.y/z>https://x.y/z</link>'],
    [
      '[a [b](https://x.y) c](https://z.w)',
      '[a <link https://x.y/>b</link> c](<link https://z.w/>https://z.w</link>)',
    ],
    ['[https://x.y](https://z.w)', '<link https://z.w/>https://x.y</link>'],
    ['xhttps://x.y [a] [a](b c) [a]( )', 'xhttps://x.y [a] [a](b c) [a]( )'],
  ])('link: %s', (source, shown) => {
    expect(show(parseInline(source))).toBe(shown)
  })

  test('an image becomes a link, also inside one', () => {
    expect(show(parseInline('![a cat](https://x.y/c.png)'))).toBe(
      '<link https://x.y/c.png>a cat</link>',
    )
    expect(show(parseInline('![](https://x.y/c.png)'))).toBe(
      '<link https://x.y/c.png>https://x.y/c.png</link>',
    )
    expect(show(parseInline('[![a](https://x.y/c.png)](https://z.w)'))).toBe(
      '<link https://z.w/>a</link>',
    )
  })

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\tscript:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    'javascript&colon;alert(1)',
    'javascript%3Aalert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:x',
    '//x.y/z',
    '/docs',
    '#a',
    'https://',
    '',
  ])('no link goes to %j', (url) => {
    expect(safeHref(url)).toBeUndefined()
    expect(JSON.stringify(parseInline(`[a](${url}) [b](<${url}>) ![c](${url})`))).not.toContain(
      'href',
    )
  })
})

/** Pieces that meet each other badly. */
const markdown = fc
  .array(
    fc.constantFrom(
      '\n',
      '\n\n',
      ' ',
      '  ',
      '- ',
      '* ',
      '1. ',
      '2) ',
      '> ',
      '# ',
      '```',
      '~~~',
      '---',
      '**',
      '*',
      '_',
      '~~',
      '`',
      '[',
      '](',
      ')',
      '![',
      'https://x.y/a',
      '<',
      '\\',
      'word',
      'é',
      '👋',
      '\r\n',
      '\t',
    ),
    { maxLength: 40 },
  )
  .map((pieces) => pieces.join(''))

test('a block that a whole line of the next one follows is never changed by what comes later', () => {
  fc.assert(
    fc.property(markdown, fc.nat(), (source, cut) => {
      const early = source.slice(0, cut % (source.length + 1))
      const lastLine = early.split('\n').length - 1
      const parsed = parseMarkdown(early)
      const open = parsed.findLast(({ line }) => line < lastLine)
      if (!open) return
      const finished = parsed.slice(0, parsed.indexOf(open))
      const rest = parseMarkdown(source.slice(open.offset))
      expect([...finished, ...rest].map(({ block }) => block)).toEqual(blocks(source))
    }),
    { numRuns: 5000 },
  )
})

test('every visible character of a text without marks is kept', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'é', '👋', '<', '&', '"', '.') }),
      (source) => {
        expect(show(parseInline(source))).toBe(source)
      },
    ),
  )
})

test.each([
  ['*a '],
  ['a* '],
  ['*a_ '],
  ['[a]('],
  ['['],
  ['![a](https://x.y '],
  ['`'.repeat(3) + ' ``'],
  ['a`b``'],
  ['https://x.y/)'],
  ['<https://x '],
  ['\\'],
  ['~~'],
  ['_*'],
  ['- a\n  '],
  ['# # '],
])('the cost of %j, a hundred thousand times, grows with the length alone', (piece) => {
  // Quadratic cost would be some 10¹⁰ steps here, and run into the test's time limit.
  expect(() => blocks(piece.repeat(100_000))).not.toThrow()
})
