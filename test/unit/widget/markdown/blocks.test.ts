import { describe, expect, test } from 'vitest'
import { parseInline } from '../../../../src/widget/markdown/parse/inline.ts'
import { safeHref } from '../../../../src/widget/markdown/parse/link.ts'
import { createMarkdownParser } from '../../../../src/widget/markdown/parse/markdown-parser.ts'
import { markdownToHtml } from '../../../rigs/markdown-html.ts'

/** On one line, with a `|` between blocks. */
const html = (source: string) =>
  markdownToHtml(source)
    .replaceAll(/(<\/?(?:ul|ol|li|blockquote)[^>]*>)\n|\n(?=<\/?(?:ul|ol|li|blockquote))/g, '$1')
    .replaceAll('>\n<', '>|<')

/** Of one paragraph, without its tags. */
const inline = (source: string) => markdownToHtml(source).replace(/^<p>(.*)<\/p>$/s, '$1')

describe('blocks', () => {
  test.each([
    [
      'paragraphs are parted by blank lines, a line break stays one',
      'one\r\n two\n\n \nthree',
      '<p>one\ntwo</p>|<p>three</p>',
    ],
    [
      'a heading needs its space and loses its closing marks',
      '## Head #1 ##\n#hashtag',
      '<h2>Head #1</h2>|<p>#hashtag</p>',
    ],
    [
      'a fence that is not closed yet is code to the end',
      '```\na\n``',
      '<pre><code>a\n``\n</code></pre>',
    ],
    [
      'lists nest by two columns, whatever the width of the marker',
      '1. a\n  - b\n  - c\n    1) d\n2. e',
      '<ol><li>a<ul><li>b</li><li>c<ol><li>d</li></ol></li></ul></li><li>e</li></ol>',
    ],
    [
      'a list goes on over wrapped text, and ends where something else begins',
      '3) a\nwrapped\n4) b\n\nafter',
      '<ol start="3"><li>a\nwrapped</li><li>b</li></ol><p>after</p>',
    ],
    [
      'a number that begins a wrapped line makes no list',
      'born in\n1815. Ada',
      '<p>born in\n1815. Ada</p>',
    ],
    [
      'quotations hold blocks, and a row of dashes is a rule',
      '> a\n>\n> - b\n\n---\n- - -',
      '<blockquote><p>a</p><ul><li>b</li></ul></blockquote><hr />|<hr />',
    ],
    [
      'code in an item of a list loses the indentation of the item alone',
      '1. Run:\n   ```sh\n   a\n     b\n   ```\n2. Done',
      '<ol><li>Run:\n<pre><code class="language-sh">a\n  b\n</code></pre></li><li>Done</li></ol>',
    ],
  ])('%s', (_rule, source, expected) => {
    expect(html(source)).toBe(expected)
  })

  test.each(['```', '~~~', '````'])('a block fenced by %s keeps its text as it is', (fence) => {
    expect(html(`${fence}js title\n  a **b**\n\n\t<c>\n${fence}\nafter`)).toBe(
      '<pre><code class="language-js">  a **b**\n\n\t&lt;c&gt;\n</code></pre>|<p>after</p>',
    )
  })

  test('nesting without end is text at some depth, not a crash', () => {
    expect(() => html('> '.repeat(50_000))).not.toThrow()
    expect(() => html('- '.repeat(50_000))).not.toThrow()
  })
})

describe('tables', () => {
  test.each([
    [
      'have a head, columns with an alignment, and inlines in their cells',
      '| a | b | c | d |\n|---|:--|:-:|--:|\n| **1** | `2` | [3](https://x.y) | |',
      '<table><tr><th>a</th><th align="left">b</th><th align="center">c</th><th align="right">d</th></tr>' +
        '<tr><td><strong>1</strong></td><td align="left"><code>2</code></td>' +
        '<td align="center"><a href="https://x.y/">3</a></td><td align="right"></td></tr></table>',
    ],
    [
      'need no pipes at their sides, and have no more cells than their head',
      'a | b\n-|-\n1 | 2 | 3\n4',
      '<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr><tr><td>4</td><td></td></tr></table>',
    ],
    [
      'have pipes in their cells where these are escaped, also in code',
      '| a |\n|---|\n| `x \\| y` \\| z |',
      '<table><tr><th>a</th></tr><tr><td><code>x | y</code> | z</td></tr></table>',
    ],
    [
      'have line breaks in their cells by the one HTML tag that means something',
      '| a |\n|---|\n| x<br>y<BR/>z<br /> |',
      '<table><tr><th>a</th></tr><tr><td>x<br />\ny<br />\nz<br />|</td></tr></table>',
    ],
    [
      'follow a paragraph, and end at a blank line or at another block',
      'Text:\n| a |\n|---|\n| 1 |\n# Head',
      '<p>Text:</p>|<table><tr><th>a</th></tr><tr><td>1</td></tr></table>|<h1>Head</h1>',
    ],
    [
      'may stand in a list',
      '- | a |\n  |---|\n  | 1 |',
      '<ul><li><table><tr><th>a</th></tr><tr><td>1</td></tr></table></li></ul>',
    ],
    [
      'need a second row with as many cells as the first',
      '| a | b |\n|---|\n| 1 |',
      '<p>| a | b |\n|---|\n| 1 |</p>',
    ],
  ])('%s', (_rule, source, expected) => {
    expect(html(source).replaceAll('<li>\n', '<li>')).toBe(expected)
  })
})

describe('inlines', () => {
  test.each([
    [
      '**a** and *b* and ***c***',
      '<strong>a</strong> and <em>b</em> and <em><strong>c</strong></em>',
    ],
    ['__a__ _b_ ~~c~~', '<strong>a</strong> <em>b</em> <del>c</del>'],
    ['snake_case_name and __init__.py', 'snake_case_name and <strong>init</strong>.py'],
    ['2 * 3 * 4, ~5, a ** b', '2 * 3 * 4, ~5, a ** b'],
    ['**a *b* c**', '<strong>a <em>b</em> c</strong>'],
    ['**not closed', '**not closed'],
    ['**重要：**请看*「这」*里', '<strong>重要：</strong>请看<em>「这」</em>里'],
    ['`a **b**` and ``c`d``', '<code>a **b**</code> and <code>c`d</code>'],
    ['`not closed **b**', '`not closed <strong>b</strong>'],
    ['\\*a\\* \\[b] \\z', '*a* [b] \\z'],
    ['<b>a</b> &lt; &amp;lt; &#x41;&#66;', '&lt;b&gt;a&lt;/b&gt; &lt; &amp;lt; AB'],
    ['&#0; &#xd800; &#x110000; &copy;', '\ufffd \ufffd \ufffd &amp;copy;'],
    ['two spaces  \nor\\\na backslash', 'two spaces<br />\nor<br />\na backslash'],
  ])('%s', (source, expected) => {
    expect(inline(source)).toBe(expected)
  })

  test.each([
    ['[a **b**](https://x.y/z "t")', '<a href="https://x.y/z">a <strong>b</strong></a>'],
    [
      '[a](<https://x.y/(z>) [b](mailto:a@b.c)',
      '<a href="https://x.y/(z">a</a> <a href="mailto:a@b.c">b</a>',
    ],
    ['[a](https://x.y/z_(w)_v)', '<a href="https://x.y/z_(w)_v">a</a>'],
    [
      'see https://x.y/a_b_c?d=*e*&f=(g). Yes',
      'see <a href="https://x.y/a_b_c?d=*e*&amp;f=(g)">https://x.y/a_b_c?d=*e*&amp;f=(g)</a>. Yes',
    ],
    [
      '(https://x.y/) **https://x.y**',
      '(<a href="https://x.y/">https://x.y/</a>) <strong><a href="https://x.y/">https://x.y</a></strong>',
    ],
    ['<https://x.y/z>', '<a href="https://x.y/z">https://x.y/z</a>'],
    ['<a@b.c>', '<a href="mailto:a@b.c">a@b.c</a>'],
    ['[a](https://x.y/?b=1&amp;c=2)', '<a href="https://x.y/?b=1&amp;c=2">a</a>'],
    [
      '[a [b](https://x.y) c](https://z.w)',
      '[a <a href="https://x.y/">b</a> c](<a href="https://z.w/">https://z.w</a>)',
    ],
    ['[https://x.y](https://z.w)', '<a href="https://z.w/">https://x.y</a>'],
    ['xhttps://x.y [a] [a](b c) [a]( )', 'xhttps://x.y [a] [a](b c) [a]( )'],
    ['![a cat](https://x.y/c.png)', '<a href="https://x.y/c.png">a cat</a>'],
    ['![](https://x.y/c.png)', '<a href="https://x.y/c.png">https://x.y/c.png</a>'],
    ['[![a](https://x.y/c.png)](https://z.w)', '<a href="https://z.w/">a</a>'],
  ])('link: %s', (source, expected) => {
    expect(inline(source)).toBe(expected)
  })

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\tscript:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    'javascript&colon;alert(1)',
    'javascript&#58;alert(1)',
    '&#x6a;avascript:alert(1)',
    'java&#10;script:alert(1)',
    'javascript\\:alert(1)',
    'javascript%3Aalert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:x',
    'ftp://x.y',
    '//x.y/z',
    '/docs',
    '#a',
    'https://',
    '',
  ])('no link goes to %j', (url) => {
    expect(safeHref(url)).toBeUndefined()
    const source = `[a](${url}) [b](<${url}>) ![c](${url}) <${url}>`
    expect(JSON.stringify(parseInline(source).inlines)).not.toContain('href')
  })
})

test.each([
  '*a ',
  'a* ',
  '*a_ ',
  '**a*b',
  '[a](',
  '[a](x "',
  '[',
  '![a](https://x.y ',
  '`'.repeat(3) + ' ``',
  'a`b``',
  'a `b` *c* ',
  'https://x.y/)',
  '<https://x ',
  '<br ',
  '\\',
  '&amp;',
  '! ',
  '~~',
  '_*',
  '- a\n  ',
  '# # ',
  'a  \n',
  '| a ',
  '> ',
  '\t',
  '\r',
])('the cost of %j, a hundred thousand times, grows with the length alone', (piece) => {
  // Quadratic cost would be some 10¹⁰ steps here, and run into the test's time limit.
  expect(() => createMarkdownParser().update(piece.repeat(100_000))).not.toThrow()
})
