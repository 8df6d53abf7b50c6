import { describe, expect, test } from 'vitest'
import { parseInline } from '../../../../src/widget/markdown/parse/inline.ts'
import { safeHref } from '../../../../src/widget/markdown/parse/link.ts'
import { markdownToHtml } from '../../../rigs/markdown-html.ts'

/** The HTML of one paragraph, without the tags of the paragraph. */
const inline = (source: string) => markdownToHtml(source).replace(/^<p>(.*)<\/p>$/s, '$1')

/** The page on which a link is resolved. */
const page = 'https://shop.example/docs/start?lang=en'
const onPage = (url: string) => safeHref(url, page)

/** The text and the address of each link in one paragraph. */
function linksIn(source: string): { text: string; href: string }[] {
  const links: { text: string; href: string }[] = []
  const rest = [...parseInline(source, { hrefOf: onPage }).inlines]
  for (let next; (next = rest.shift()) !== undefined;) {
    if (typeof next === 'string') continue
    const [text] = next.children
    if (next.type === 'a' && typeof text === 'string') links.push({ text, href: next.href })
    else rest.unshift(...next.children)
  }
  return links
}

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
    '\u001f\u0020javascript:alert(1)',
    'javascript&#58;alert(1)',
    '&#x6a;avascript:alert(1)',
    'java&#10;script:alert(1)',
    'java&#9;script:alert(1)',
    '&#1;javascript:alert(1)',
    'javascript\\:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'DATA:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:x',
    'filesystem:x',
    'view-source:x',
    'about:blank',
    'intent://x#Intent;end',
    'ftp://x.y',
    'https://',
    '',
  ])('no link goes to %j, and its label is shown as text', (url) => {
    for (const base of [undefined, page]) {
      if (!/&|\\/.test(url)) expect(safeHref(url, base)).toBeUndefined()
      const hrefOf = (address: string) => safeHref(address, base)
      const source = `[a](${url}) [b](<${url}>) ![c](${url}) <${url}>`
      expect(JSON.stringify(parseInline(source, { hrefOf }).inlines)).not.toContain('href')
    }
    if (/^[\w:/.#;&]+$/.test(url)) expect(inline(`[**a**](${url}) b`)).toBe('<strong>a</strong> b')
  })

  test.each([
    ['/pricing', 'https://shop.example/pricing'],
    ['./faq', 'https://shop.example/docs/faq'],
    ['../team', 'https://shop.example/team'],
    ['faq.html', 'https://shop.example/docs/faq.html'],
    ['?q=1', 'https://shop.example/docs/start?q=1'],
    ['#faq', 'https://shop.example/docs/start?lang=en#faq'],
    ['//other.example/a', 'https://other.example/a'],
    ['/\\\\other.example/a', 'https://other.example/a'],
    ['\\\\\\other.example/a', 'https://other.example/a'],
    ['https:other', 'https://shop.example/docs/other'],
    ['http:other.example/a', 'http://other.example/a'],
    ['www.other.example/a', 'http://www.other.example/a'],
    ['tel:+15550101234', 'tel:+15550101234'],
    ['sms:+15550101234?body=hi', 'sms:+15550101234?body=hi'],
    ['mailto:a@b.example?subject=x', 'mailto:a@b.example?subject=x'],
    ['TEL:112', 'tel:112'],
    ['https://müller.example/a', 'https://xn--mller-kva.example/a'],
    ['https://例え.jp/パス', 'https://xn--r8jz45g.jp/%E3%83%91%E3%82%B9'],
    ['/a%20b/%E4%B8%AD', 'https://shop.example/a%20b/%E4%B8%AD'],
    ['javascript&colon;alert(1)', 'https://shop.example/docs/javascript&colon;alert(1)'],
    ['javascript%3Aalert(1)', 'https://shop.example/docs/javascript%3Aalert(1)'],
    ['<https://x.y/a b>', 'https://x.y/a%20b'],
    ['https://x.y/a_(b_(c_(d)))', 'https://x.y/a_(b_(c_(d)))'],
    [
      `https://x.y/${'('.repeat(32)}a${')'.repeat(32)}`,
      `https://x.y/${'('.repeat(32)}a${')'.repeat(32)}`,
    ],
  ])('a link to %s goes to %s', (url, href) => {
    expect(linksIn(`see [a](${url}).`)).toEqual([{ text: 'a', href }])
  })

  test('without a page, a relative address is no link, and its label is shown as text', () => {
    expect(inline('see [the **prices**](/prices) and ![a plan](plan.png)')).toBe(
      'see the <strong>prices</strong> and a plan',
    )
  })

  test.each([
    ['(see https://en.wikipedia.org/wiki/Foo_(bar))', 'https://en.wikipedia.org/wiki/Foo_(bar)'],
    ['https://x.y/a)', 'https://x.y/a'],
    ['((https://x.y/a)))', 'https://x.y/a'],
    ['https://x.y/a_(b)_(c)', 'https://x.y/a_(b)_(c)'],
    ['https://x.y/search?q=(business))+ok', 'https://x.y/search?q=(business))+ok'],
    ['https://x.y/a?!.,:*_~;', 'https://x.y/a'],
    ['"https://x.y/a"', 'https://x.y/a'],
    ["'https://x.y/a'", 'https://x.y/a'],
    ['https://x.y/?a=b&copy=1', 'https://x.y/?a=b&copy=1'],
    ['https://x.y/?a=b&copy;', 'https://x.y/?a=b'],
    ['https://x.y/?a=b&amp;&lt;.', 'https://x.y/?a=b'],
    ['https://x.y/a<b', 'https://x.y/a'],
    ['请看https://x.y/a，谢谢', 'https://x.y/a'],
    ['请看https://x.y/a。谢谢', 'https://x.y/a'],
    ['详情（https://x.y/a）在此', 'https://x.y/a'],
    ['「https://x.y/a」と『https://x.y/b』', 'https://x.y/a', 'https://x.y/b'],
    ['【https://x.y/a】《https://x.y/b》', 'https://x.y/a', 'https://x.y/b'],
    [
      'https://x.y/a、https://x.y/b；https://x.y/c：完！',
      'https://x.y/a',
      'https://x.y/b',
      'https://x.y/c',
    ],
    [
      '“https://x.y/a” ‘https://x.y/b’ «https://x.y/c»',
      'https://x.y/a',
      'https://x.y/b',
      'https://x.y/c',
    ],
    ['https://x.y/a… https://x.y/b— c', 'https://x.y/a', 'https://x.y/b'],
    [
      'https://x.y/a\u3000b https://x.y/c\u00a0d https://x.y/e\u2009f',
      'https://x.y/a',
      'https://x.y/c',
      'https://x.y/e',
    ],
    ['https://x.y/a\u200bb https://x.y/c\u200f d', 'https://x.y/a', 'https://x.y/c'],
    ['انظر https://x.y/a، ثم https://x.y/b؟', 'https://x.y/a', 'https://x.y/b'],
    ['देखें https://x.y/a।', 'https://x.y/a'],
    ['https://x.y/pricing에서 확인하세요', 'https://x.y/pricing'],
    ['https://x.example을 보세요', 'https://x.example'],
    ['访问https://x.example查看', 'https://x.example'],
    [
      'https://zh.wikipedia.org/wiki/阿尔伯特·爱因斯坦 是',
      'https://zh.wikipedia.org/wiki/阿尔伯特·爱因斯坦',
    ],
    ['https://例え.jp/パス。', 'https://例え.jp/パス'],
    [
      '**https://x.y/a**는 *https://x.y/b* ~~https://x.y/c~~',
      'https://x.y/a',
      'https://x.y/b',
      'https://x.y/c',
    ],
    ['HTTPS://X.Y/a', 'HTTPS://X.Y/a'],
    ['www.x.example/help. Or (www.y.example)', 'www.x.example/help', 'www.y.example'],
    [
      'write to a.b+c_d@mail.x.example. Or <e@x.example>, (f@x.example)',
      'a.b+c_d@mail.x.example',
      'e@x.example',
      'f@x.example',
    ],
    ['写信到a@x.example。', 'a@x.example'],
    ['**a@x.example** and *b@x.example*', 'a@x.example', 'b@x.example'],
    ['http://localhost:8787/a', 'http://localhost:8787/a'],
  ])('bare addresses: %s', (source, ...texts) => {
    expect(linksIn(source).map(({ text }) => text)).toEqual(texts)
  })

  test.each([
    'xhttps://x.y',
    'https://',
    'https://%',
    'http://[',
    'www.',
    'www. x',
    'a@b',
    'a@b.c_',
    'a@b.c-',
    'react@18.2.0',
    '@b.example',
    'hello@mail+x.example',
  ])('no bare address: %s', (source) => {
    expect(linksIn(source)).toEqual([])
    expect(inline(source)).toBe(source)
  })

  test('a bare address that is part of a label stays its label', () => {
    expect(inline('[a@b.c and https://x.y](https://z.w)')).toBe(
      '<a href="https://z.w/">a@b.c and https://x.y</a>',
    )
  })
})

describe('emphasis beside any script', () => {
  test.each([
    ['**글리프(Glyph)**는 문자다', '글리프(Glyph)'],
    ['이것은 **"인용"**입니다', '"인용"'],
    ['**Done!**🎉', 'Done!'],
    ['🎉**"Done"**', '"Done"'],
    ['⚠️**"Note"**: a', '"Note"'],
    ['1️⃣**(first)** a', '(first)'],
    ['👩‍💻**(dev)**👍🏽', '(dev)'],
    ['**Sale 🎉**ends', 'Sale 🎉'],
    ['**「重要」**です', '「重要」'],
    ['これは**「重要」**です', '「重要」'],
    ['请看**“引用”**后', '“引用”'],
    ['中文**“引用”。**后', '“引用”。'],
    ['**重要：**Python', '重要：'],
    ['𠮷**(a)**𠮷', '(a)'],
    ['ข้อ**(สำคัญ)**นี้', '(สำคัญ)'],
    ['ຂໍ້**(ສຳຄັນ)**ນີ້', '(ສຳຄັນ)'],
    ['នេះ**(សំខាន់)**ណាស់', '(សំខាន់)'],
    ['ဒါ**(အရေးကြီး)**ပါ', '(အရေးကြီး)'],
    ['འདི**(གལ་ཆེན)**ཡིན', '(གལ་ཆེན)'],
    ['यह**"शब्द"**का', '"शब्द"'],
    ['ב**"שם"**ו', '"שם"'],
    ['و**"كلمة"**في', '"كلمة"'],
    ['это**«слово»**и', '«слово»'],
    ['**글(G)**\u200b는', '글(G)'],
    ['~~글(G)~~는', '글(G)'],
  ])('%s', (source, text) => {
    const html = inline(source)
    const [, shown] = /<(?:strong|del)>(.*?)<\//.exec(html) ?? []
    expect(shown).toBe(text.replaceAll('"', '&quot;'))
    expect(html).not.toMatch(/\*\*|~~/)
  })

  test.each([
    'a**"b"**c',
    'a**(b)**c',
    '2**3**4 is not a**!b',
    '글_(G)_는',
    'пристаням_стремятся_',
    '*$*alpha.',
  ])('English and underscores keep the rules of CommonMark: %s', (source) => {
    const expected = source.startsWith('2') ? '2<strong>3</strong>4 is not a**!b' : source
    expect(inline(source)).toBe(expected.replaceAll('"', '&quot;'))
  })
})
