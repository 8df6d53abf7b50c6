import { describe, expect, test } from 'vitest'
import { parseInline } from '../../../../src/widget/markdown/parse/inline.ts'
import { safeHref } from '../../../../src/widget/markdown/parse/link.ts'
import { markdownToHtml } from '../../../rigs/markdown-html.ts'

/** The HTML of one paragraph, without the tags of the paragraph. */
const inline = (source: string) => markdownToHtml(source).replace(/^<p>(.*)<\/p>$/s, '$1')

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
    ['xhttps://x.y [a] [a](b c)', 'xhttps://x.y [a] [a](b c)'],
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
