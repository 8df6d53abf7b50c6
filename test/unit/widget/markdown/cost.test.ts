import { expect, test, vi } from 'vitest'
import { readTokens } from '../../../../src/widget/markdown/parse/inline-tokens.ts'
import { indentOf } from '../../../../src/widget/markdown/parse/line.ts'
import { createMarkdownParser } from '../../../../src/widget/markdown/parse/markdown-parser.ts'

// Both keep their implementation. The spies only record the calls.
vi.mock(import('../../../../src/widget/markdown/parse/inline-tokens.ts'), { spy: true })
vi.mock(import('../../../../src/widget/markdown/parse/line.ts'), { spy: true })

const kinds: [string, (index: number) => string][] = [
  ['one paragraph of words', () => 'and words upon words '],
  ['one paragraph of inlines', (i) => `**a ${i}** \`b\` *c* [d](https://x.y/${i}) and `],
  ['one paragraph of lines', (i) => `Words of line ${i}\n`],
  ['paragraphs', (i) => `Words of paragraph ${i}.\n\n`],
  ['headings', (i) => `## Heading ${i}\n`],
  ['one list', (i) => `- item **${i}** of the list\n`],
  ['lists in a list', (i) => `${i + 1}. item\n   - inner\n   - inner too\n`],
  ['one block of code', (i) => `${i === 0 ? '```js\n' : ''}const x${i} = "${i}"\n`],
  ['one table', (i) => `${i === 0 ? '| a | b |\n|---|---|\n' : ''}| cell ${i} | **x** |\n`],
  ['one quotation', (i) => `> words ${i}\n>\n`],
]

/** How many characters the parser reads for each character that arrives. */
function readPerChar(piece: (index: number) => string, count: number): number {
  const source = Array.from({ length: count }, (_, index) => piece(index)).join('')
  return readInPieces(source, 1) / source.length
}

/** How many characters the parser reads while the source arrives in pieces of `step` characters. */
function readInPieces(source: string, step: number): number {
  vi.mocked(readTokens).mockClear()
  vi.mocked(indentOf).mockClear()
  const reader = createMarkdownParser()
  for (let length = step; length <= source.length; length += step) {
    reader.update(source.slice(0, length), true)
  }
  let chars = 0
  for (const [text, start] of vi.mocked(readTokens).mock.calls) chars += text.length - start.at
  for (const [line] of vi.mocked(indentOf).mock.calls) chars += line.length
  return chars
}

test.each(kinds)(
  'the cost of %s, character by character, grows with the length',
  (_kind, piece) => {
    const [once, fourTimes] = [readPerChar(piece, 25), readPerChar(piece, 100)]
    expect(fourTimes).toBeLessThan(35)
    expect(fourTimes / once).toBeLessThan(1.15)
  },
)

/** Texts of 30,000 characters whose end no later text settles, or only rarely. */
const unsettled: [string, string][] = [
  ['one word', 'a'.repeat(30_000)],
  ['one Chinese paragraph', '没有空格的文字'.repeat(4286)],
  ['open emphasis', `**${'bold words '.repeat(2727)}`],
  ['many open marks', '**a _b ~~c '.repeat(2727)],
  ['an open bracket', `a [${'label of a link '.repeat(1875)}`],
  ['open code', `a \`${'code '.repeat(6000)}`],
  ['one address', `https://x.y/${'path/'.repeat(6000)}`],
  ['one heading', `# ${'words of a heading '.repeat(1578)}`],
  ['one row', `|a|b|\n|-|-|\n| ${'words of a cell '.repeat(1875)}`],
  ['one head', `| ${'words of a head '.repeat(1875)}`],
  ['one rule', '- '.repeat(15_000)],
  ['one fence', `\`\`\`${'a'.repeat(30_000)}`],
  ['a line of spaces', `a\n\n${' '.repeat(30_000)}b`],
  ['a line of spaces in code', `\`\`\`\n${' '.repeat(30_000)}b`],
  ['one item in a list in a list', `- a\n  - ${'words '.repeat(5000)}`],
  ['rows', `|a|b|\n|-|-|\n${'|1|2|\n'.repeat(5000)}`],
  ['items', '- item\n'.repeat(4285)],
  ['lines', 'line\n'.repeat(6000)],
]

test.each(unsettled)(
  '3,000 pieces of %s do not make the parser read all of it each time',
  (_kind, source) => {
    // Each piece reads again at most what came last, up to a limit, and longer parts only after they have grown.
    expect(readInPieces(source, 10)).toBeLessThan(3000 * 2200 + 40 * source.length)
  },
)
