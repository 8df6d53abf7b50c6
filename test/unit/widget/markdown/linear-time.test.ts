import { expect, test } from 'vitest'
import { createMarkdownParser } from '../../../../src/widget/markdown/parse/markdown-parser.ts'

// Linear time takes at most half a second. Quadratic time takes some 10¹⁰ steps and exceeds this limit.
const limit = { timeout: 60_000 }

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
])('parsing %j, repeated a hundred thousand times, takes linear time', limit, (piece) => {
  expect(() => createMarkdownParser().update(piece.repeat(100_000))).not.toThrow()
})
