import * as fc from 'fast-check'

/** Pieces that conflict with each other. */
const PIECES = [
  ['\n', '\n', '\n\n', '\r\n', '\r', ' ', '  ', '    ', '\t', '- ', '* ', '1. ', '2) ', '> '],
  ['# ', '```', '~~~', '---', '|', '| a | b |', '|--|:-:|', '**', '*', '_', '~~', '`', '['],
  ['](', ')', '(', '![', '"t"', '<', '<br />', '\\', '&amp;', 'https://x.y/a', 'h', 'two words'],
  ['word', 'é', '👋'],
].flat()
export const anyMarkdown = fc
  .array(fc.constantFrom(...PIECES), { maxLength: 40 })
  .map((parts) => parts.join(''))
