import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import * as fc from 'fast-check'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { widgetOptions } from '../../scripts/build-widget.ts'
import { anyMarkdown } from '../generators/any-markdown.ts'
import { everyKind } from '../generators/every-kind.ts'
import { setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

/** Addresses of each kind, and emphasis beside other scripts. */
const addresses = `(See https://en.wikipedia.org/wiki/Foo_(bar)), https://x.example/a?b=c&copy;, www.x.example/d.
Write to a.b_c@mail.x.example, call [us](tel:+15550101234) or read [prices](/pricing "now") and [answers](#faq).
请看https://x.example/e，或者（https://x.example/f）。**글리프(Glyph)**는 **Done!**🎉 그리고 https://x.example/g에서.
[forbidden](javascript:void) ![image](pic.png) [![in a link](pic.png)](https://x.example/h) end`

/** An empty page of the Worker with nothing but the Markdown view, as `createView`. */
async function openView(): Promise<Page> {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { createMarkdownView } from './src/widget/markdown/markdown-view.ts'
        import { english } from './src/widget/words/words.ts'
        globalThis.createView = (root) => createMarkdownView(root, english)`,
      resolveDir: fileURLToPath(new URL('../..', import.meta.url)),
    },
    ...widgetOptions('./chunks/'),
    write: false,
  })
  const { url } = site.worker
  const page = await site.browser.newPage()
  site.watch(page, url)
  await page.route(`${url}/view`, (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: '<!doctype html><div class="body"></div><script type="module" src="/view.js"></script>',
    }),
  )
  await page.route(`${url}/view.js`, (route) =>
    route.fulfill({ contentType: 'text/javascript', body: outputFiles[0]?.text ?? '' }),
  )
  await page.goto(`${url}/view`)
  await page.waitForFunction(() => 'createView' in globalThis)
  return page
}

declare global {
  var createView: (root: Element) => { update: (text: string, isOpen?: boolean) => void }
}

describe('while a reply arrives in pieces', () => {
  test('no node is ever removed, for every kind of block, and the result is complete', async () => {
    const page = await openView()
    const outcome = await page.evaluate((text) => {
      const root = document.querySelector('.body')!
      const view = createView(root)
      const observer = new MutationObserver(() => {})
      observer.observe(root, { childList: true, subtree: true })
      const removed: string[] = []
      for (let length = 1; length <= text.length; length++) {
        view.update(text.slice(0, length), true)
        for (const { removedNodes } of observer.takeRecords()) {
          for (const node of removedNodes) {
            removed.push(
              `${node.nodeName} ${node.textContent} at ${text.slice(length - 20, length)}`,
            )
          }
        }
      }
      view.update(text)
      const whole = document.createElement('div')
      createView(whole).update(text)
      return { removed, grown: root.innerHTML, whole: whole.innerHTML }
    }, `${everyKind}\n\n${addresses}`)
    expect(outcome.removed).toEqual([])
    expect(outcome.grown).toBe(outcome.whole)
    for (const tag of 'h3 h4 p ul ol li strong em del code a br blockquote hr pre th td'.split(
      ' ',
    )) {
      expect(outcome.grown).toContain(`<${tag}`)
    }
  })

  test('the result is the same as in one piece', async () => {
    const page = await openView()
    const cuts = fc.array(fc.tuple(fc.nat(100), fc.boolean()), { maxLength: 20 })
    const growths = [
      ...fc.sample(fc.tuple(fc.constant(everyKind), cuts), 40),
      ...fc.sample(fc.tuple(anyMarkdown, cuts), 3000),
    ]
    const wrong = await page.evaluate((all) => {
      const grown = document.createElement('div')
      const whole = document.createElement('div')
      return all.filter(([text, places]) => {
        grown.replaceChildren()
        whole.replaceChildren()
        const view = createView(grown)
        for (const [percent, isOpen] of places.toSorted(([one], [other]) => one - other)) {
          view.update(text.slice(0, Math.round((text.length * percent) / 100)), isOpen)
        }
        view.update(text)
        createView(whole).update(text)
        return !grown.isEqualNode(whole)
      })
    }, growths)
    expect(wrong).toEqual([])
  })

  test('the number of created nodes grows linearly', async () => {
    const page = await openView()
    const count = (times: number) =>
      page.evaluate((text) => {
        const view = createView(document.querySelector('.body')!)
        const observer = new MutationObserver(() => {})
        observer.observe(document.querySelector('.body')!, { childList: true, subtree: true })
        for (let length = 1; length <= text.length; length++) {
          view.update(text.slice(0, length), true)
        }
        const records = observer.takeRecords()
        const made = records.reduce((sum, { addedNodes }) => sum + addedNodes.length, 0)
        return made / text.length
      }, `${everyKind}\n\n`.repeat(times))
    const perChar = await count(1)
    expect(await count(4)).toBeLessThan(perChar * 1.05)
  })
})

test('a text of 1 MiB is shown completely, in a limited number of nodes', async () => {
  const page = await openView()
  for (const piece of ['*a* ', '- a\n', '> > - a\n', '[a](/b) ', '|a', '**a ']) {
    const shown = await page.evaluate(
      async (text) => {
        const root = document.querySelector('.body')!
        const view = createView(root)
        const step = text.length / 64
        for (let length = step; length <= text.length; length += step) {
          view.update(text.slice(0, length), true)
        }
        view.update(text)
        let [depth, nodes] = [0, 0]
        for (const element of root.querySelectorAll('*')) {
          nodes++
          let above = 0
          for (let next: Element | null = element; next !== root; next = next!.parentElement)
            above++
          depth = Math.max(depth, above)
        }
        const letters = root.textContent.match(/a/g)?.length
        root.replaceChildren()
        return { depth, nodes, letters }
      },
      piece.repeat(2 ** 20 / piece.length),
    )
    expect(shown.letters, piece).toBe(Math.floor(2 ** 20 / piece.length))
    expect(shown.nodes, piece).toBeLessThan(60_000)
    expect(shown.depth, piece).toBeLessThan(64)
  }
})
