import * as fc from 'fast-check'

/** Pieces that cost the most when they are repeated: each begins something that the next one does not end. */
export const hostilePieces = [
  ['*a ', 'a* ', '*a_ ', '**a*b', '**a** ', '~~', '_*', '*', '_a', '字**(', '**글(G)**는'],
  ['[a](', '[a](b', '[a](<b', '[a](x "', "[a](b '", '[', ']', '![', '![a](https://x.y ', '![a](b)'],
  [
    '[a](b) ',
    '[[a](b)](c)',
    '``` ``',
    'a`b``',
    'a `b` *c* ',
    '`',
    'https://x.y/)',
    'https://x.y/&a;',
  ],
  [
    'https://%',
    'www.a',
    'a@',
    'a@b.',
    'a@b.c',
    'a.',
    '<https://x ',
    '<a:',
    '<a@b',
    '<br ',
    '\\',
    '&amp;',
  ],
  [
    '&',
    '! ',
    '- a\n  ',
    '- a\n',
    '- a\n\n  ',
    '- ',
    '-',
    '# # ',
    '#',
    '> ',
    '> a\n',
    '>',
    '1. ',
    'a  \n',
  ],
  [
    'a\n',
    'a\n\n',
    '\n',
    '| a ',
    '|',
    '|a|\n|-|\n',
    '|-|\n|-|-|\n',
    '```\n',
    '~~~',
    '\t',
    '\r',
    ' ',
    '  \n',
  ],
  ['a', 'ab ', '字', '👋', '\u200b', ':'],
].flat()

/**
 * Makes texts of about 4,000 characters and of a multiple of that: pieces repeated side by side, nested, in growing
 * runs, or after one beginning.
 */
export const hostileMarkdown = fc
  .tuple(
    fc.constantFrom('beside', 'nested', 'growing', 'after'),
    fc.array(fc.constantFrom(...hostilePieces), { minLength: 1, maxLength: 4 }),
    fc.constantFrom(...hostilePieces),
  )
  .map(([shape, pieces, other]) => {
    const unit = pieces.join('')
    // Even numbers: a fence that an even number of pieces closes is closed in each text.
    const repeat = (text: string, times: number) =>
      text.repeat(2 * times * Math.ceil(1000 / text.length))
    const make = (times: number): string => {
      if (shape === 'beside') return repeat(unit, 2 * times)
      if (shape === 'nested') return `${repeat(unit, times)}a${repeat(other, times)}`
      if (shape === 'after') return other + repeat(unit, 2 * times)
      let text = ''
      for (let count = 2; text.length < 4000 * times; count += 2) text += `${unit.repeat(count)}a`
      return text
    }
    return Object.assign(make, {
      [fc.toStringMethod]: () => JSON.stringify([shape, pieces, other]),
    })
  })
