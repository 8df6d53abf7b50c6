import { describe, expect, test } from 'vitest'
import { markdownToHtml } from '../../../rigs/markdown-html.ts'

/** The HTML on one line, with a `|` between blocks. */
const html = (source: string) =>
  markdownToHtml(source)
    .replaceAll(/(<\/?(?:ul|ol|li|blockquote)[^>]*>)\n|\n(?=<\/?(?:ul|ol|li|blockquote))/g, '$1')
    .replaceAll('>\n<', '>|<')

describe('blocks', () => {
  test.each([
    [
      'blank lines separate paragraphs, and a line break stays a line break',
      'one\r\n two\n\n \nthree',
      '<p>one\ntwo</p>|<p>three</p>',
    ],
    [
      'a heading needs a space after its marks and loses its closing marks',
      '## Head #1 ##\n#hashtag',
      '<h2>Head #1</h2>|<p>#hashtag</p>',
    ],
    [
      'without its closing fence, a code block reaches to the end',
      '```\na\n``',
      '<pre><code>a\n``\n</code></pre>',
    ],
    [
      'two columns nest a list, whatever the width of the marker',
      '1. a\n  - b\n  - c\n    1) d\n2. e',
      '<ol><li>a<ul><li>b</li><li>c<ol><li>d</li></ol></li></ul></li><li>e</li></ol>',
    ],
    [
      'a list continues over wrapped text and ends at another block',
      '3) a\nwrapped\n4) b\n\nafter',
      '<ol start="3"><li>a\nwrapped</li><li>b</li></ol><p>after</p>',
    ],
    [
      'a number at the beginning of a wrapped line does not begin a list',
      'born in\n1815. Ada',
      '<p>born in\n1815. Ada</p>',
    ],
    [
      'quotations contain blocks, and a row of dashes is a rule',
      '> a\n>\n> - b\n\n---\n- - -',
      '<blockquote><p>a</p><ul><li>b</li></ul></blockquote><hr />|<hr />',
    ],
    [
      'code in a list item loses only the indentation of the item',
      '1. Run:\n   ```sh\n   a\n     b\n   ```\n2. Done',
      '<ol><li>Run:\n<pre><code class="language-sh">a\n  b\n</code></pre></li><li>Done</li></ol>',
    ],
  ])('%s', (_rule, source, expected) => {
    expect(html(source)).toBe(expected)
  })

  test.each(['```', '~~~', '````'])('a code block between %s keeps its text unchanged', (fence) => {
    expect(html(`${fence}js title\n  a **b**\n\n\t<c>\n${fence}\nafter`)).toBe(
      '<pre><code class="language-js">  a **b**\n\n\t&lt;c&gt;\n</code></pre>|<p>after</p>',
    )
  })

  test('extremely deep nesting becomes text instead of a crash', () => {
    expect(() => html('> '.repeat(50_000))).not.toThrow()
    expect(() => html('- '.repeat(50_000))).not.toThrow()
    expect(html('> '.repeat(50_000)).match(/<blockquote>/g)).toHaveLength(17)
  })
})

describe('tables', () => {
  test.each([
    [
      'have a head, aligned columns, and inlines in their cells',
      '| a | b | c | d |\n|---|:--|:-:|--:|\n| **1** | `2` | [3](https://x.y) | |',
      '<table><tr><th>a</th><th align="left">b</th><th align="center">c</th><th align="right">d</th></tr>' +
        '<tr><td><strong>1</strong></td><td align="left"><code>2</code></td>' +
        '<td align="center"><a href="https://x.y/">3</a></td><td align="right"></td></tr></table>',
    ],
    [
      'need no pipes at the sides, may have short rows, and drop cells beyond the width of the head',
      'a | b\n-|-\n1 | 2 | 3\n4',
      '<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr><tr><td>4</td></tr></table>',
    ],
    [
      'may contain escaped pipes in their cells, also in code',
      '| a |\n|---|\n| `x \\| y` \\| z |',
      '<table><tr><th>a</th></tr><tr><td><code>x | y</code> | z</td></tr></table>',
    ],
    [
      'may contain <br> in their cells',
      '| a |\n|---|\n| x<br>y<BR/>z<br /> |',
      '<table><tr><th>a</th></tr><tr><td>x<br />\ny<br />\nz<br />|</td></tr></table>',
    ],
    [
      'may follow a paragraph, and end at a blank line or another block',
      'Text:\n| a |\n|---|\n| 1 |\n# Head',
      '<p>Text:</p>|<table><tr><th>a</th></tr><tr><td>1</td></tr></table>|<h1>Head</h1>',
    ],
    [
      'may be in a list',
      '- | a |\n  |---|\n  | 1 |',
      '<ul><li><table><tr><th>a</th></tr><tr><td>1</td></tr></table></li></ul>',
    ],
    [
      'need an alignment row with as many cells as the head',
      '| a | b |\n|---|\n| 1 |',
      '<p>| a | b |\n|---|\n| 1 |</p>',
    ],
  ])('%s', (_rule, source, expected) => {
    expect(html(source).replaceAll('<li>\n', '<li>')).toBe(expected)
  })

  const head = (columns: number) => `|${'a|'.repeat(columns)}\n|${'-|'.repeat(columns)}\n`
  const cellsOf = (source: string) => html(source).match(/<t[hd]/g)?.length ?? 0

  test('have only the cells of the text', () => {
    expect(cellsOf(`${head(50)}${'|\n'.repeat(50)}`)).toBe(50 + 50)
    expect(cellsOf(`${head(64)}${'1|2\n'.repeat(10)}`)).toBe(64 + 20)
  })

  test('have at most 64 columns', () => {
    expect(cellsOf(head(64))).toBe(64)
    expect(html(head(65))).toMatch(/^<p>\|a\|a.*-\|<\/p>$/s)
  })

  test('have together at most 5,000 cells, and further rows are text', () => {
    const rows = `${head(2)}${'|1|2|\n'.repeat(3000)}`
    for (const source of [rows, `${rows}\n${rows}`]) {
      const shown = html(source)
      expect(cellsOf(source)).toBe(5000)
      expect(shown.match(/1/g)).toHaveLength(source.match(/1/g)!.length)
      expect(shown).toMatch(/<p>\|1\|2\|\n.*<\/p>$/s)
    }
  })
})
