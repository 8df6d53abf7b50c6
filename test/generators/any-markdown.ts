import * as fc from 'fast-check'

/** Pieces whose combinations are hard to parse. */
const pieces = [
  ['\n', '\n', '\n\n', '\r\n', '\r', ' ', '  ', '    ', '\t', '- ', '* ', '1. ', '2) ', '> '],
  ['# ', '```', '~~~', '---', '|', '| a | b |', '|--|:-:|', '**', '*', '_', '~~', '`', '['],
  ['](', ')', '(', '![', '"t"', '<', '<br />', '\\', '&amp;', 'https://x.y/a', 'h', 'two words'],
  [
    'word',
    'é',
    '👋',
    '字',
    '는',
    '，',
    '（',
    '）',
    'www.x.y',
    'a@b.c',
    '@',
    '.',
    ';',
    '&copy;',
    '#f',
    '/p',
    'tel:1',
  ],
].flat()
export const anyMarkdown = fc
  .array(fc.constantFrom(...pieces), { maxLength: 40 })
  .map((parts) => parts.join(''))
