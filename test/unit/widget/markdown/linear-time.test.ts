import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { Block, Inline } from '../../../../src/widget/markdown/parse/ast.ts'
import { createMarkdownParser } from '../../../../src/widget/markdown/parse/markdown-parser.ts'
import { hostileMarkdown, hostilePieces } from '../../../generators/hostile-markdown.ts'
import { countSteps } from '../../../rigs/count-steps.ts'

// Linear time takes at most half a second. Quadratic time takes some 10¹⁰ steps and exceeds this limit.
const limit = { timeout: 60_000 }

test.each(hostilePieces)(
  'parsing %j, repeated to 300,000 characters, takes linear time',
  limit,
  (piece) => {
    const source = piece.repeat(300_000 / piece.length)
    expect(() => createMarkdownParser().update(source)).not.toThrow()
    expect(() => createMarkdownParser().update(source, true)).not.toThrow()
  },
)

describe('what a regular expression could read again and again', () => {
  test.each([
    ['spaces in a link', `[a](${' '.repeat(300_000)}`],
    ['spaces before a title', `[a](b${' '.repeat(300_000)}"`],
    ['titles without an end', `[a](b "c [d](e 'f [g](h (${'i\\" '.repeat(60_000)}`],
    [
      'runs of backticks of each length',
      Array.from({ length: 770 }, (_, n) => '`'.repeat(n)).join('a'),
    ],
    ['emphasis in emphasis', '**a *'.repeat(30_000) + '* b**'.repeat(30_000)],
    ['one long run', `${'*'.repeat(150_000)}a${'*'.repeat(150_000)}`],
    ['images in images', `${'!['.repeat(50_000)}a${'](b)'.repeat(50_000)}`],
    ['links after open brackets', '['.repeat(100_000) + '[a](b)'.repeat(30_000)],
    ['open brackets, then closed ones', '['.repeat(150_000) + ']'.repeat(150_000)],
    ['hosts that are none', 'https://%'.repeat(30_000)],
    ['a rule that is none', `${'- '.repeat(150_000)}a`],
    ['a blank line of spaces', `a\n${' '.repeat(300_000)}b`],
    ['a head and rows of delimiters with another width', '|-|\n|-|-|\n'.repeat(30_000)],
  ])('%s', limit, (_name, source) => {
    expect(() => createMarkdownParser().update(source)).not.toThrow()
    expect(() => createMarkdownParser().update(source, true)).not.toThrow()
  })
})

test(
  'four times as much hostile text takes at most seven times as many steps and nodes',
  limit,
  async () => {
    const { steps, stop } = await countSteps('/widget/markdown/parse/')
    vi.resetModules()
    const counted = await import('../../../../src/widget/markdown/parse/markdown-parser.ts')
    const costOf = async (source: string) => {
      const before = await steps()
      const nodes = countNodes(counted.createMarkdownParser().update(source).children)
      return { steps: (await steps()) - before, nodes }
    }
    try {
      await fc.assert(
        fc.asyncProperty(hostileMarkdown, async (make) => {
          const [once, fourTimes] = [await costOf(make(1)), await costOf(make(4))]
          expect(once.steps).toBeGreaterThan(0)
          // A cost that grows with the square would be sixteen times as high.
          expect(fourTimes.steps).toBeLessThan(7 * once.steps)
          expect(fourTimes.nodes).toBeLessThan(7 * once.nodes + 50)
          expect(fourTimes.nodes).toBeLessThan(4 * make(4).length)
        }),
        { numRuns: 200 },
      )
    } finally {
      stop()
    }
  },
)

/** The number of blocks, cells and inlines. */
function countNodes(blocks: readonly Block[]): number {
  let nodes = 0
  const rest: (Block | Inline | { children: (Block | Inline)[] })[] = [...blocks]
  for (let next; (next = rest.pop()) !== undefined; nodes++) {
    if (typeof next === 'string') continue
    for (const child of next.children) {
      if (typeof child !== 'string' && child.type === 'row') {
        for (const cell of child.cells) rest.push({ children: cell })
      } else rest.push(child)
    }
  }
  return nodes
}
