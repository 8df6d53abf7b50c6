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
  vi.mocked(readTokens).mockClear()
  vi.mocked(indentOf).mockClear()
  const source = Array.from({ length: count }, (_, index) => piece(index)).join('')
  const reader = createMarkdownParser()
  for (let length = 1; length <= source.length; length++) {
    reader.update(source.slice(0, length), true)
  }
  let chars = 0
  for (const [text, start] of vi.mocked(readTokens).mock.calls) chars += text.length - start.at
  for (const [line] of vi.mocked(indentOf).mock.calls) chars += line.length
  return chars / source.length
}

test.each(kinds)(
  'the cost of %s, character by character, grows with the length',
  (_kind, piece) => {
    const [once, fourTimes] = [readPerChar(piece, 25), readPerChar(piece, 100)]
    expect(fourTimes).toBeLessThan(35)
    expect(fourTimes / once).toBeLessThan(1.15)
  },
)
