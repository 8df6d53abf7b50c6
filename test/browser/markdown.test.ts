import { describe, expect, test } from 'vitest'
import { everyKind } from '../generators/every-kind.ts'
import { type Chat, expectText, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

const highlighterPath = '/chunks/highlight.js'
const tsBlock = '```ts\nconst answer: number = 42 // that is it\n```'

describe('code', () => {
  test('a conversation without code in a known language does not load the highlighter', async () => {
    const chat = await site.visit()
    await chat.say(
      reply('Only `code` in a line\n\n```\nor plain\n```\n\n```klingon\nqapla\n```\n\nend'),
    )
    await expectText(chat, 'end')
    await chat.settled()
    expect(chat.requests.filter((request) => request.url().endsWith(highlighterPath))).toEqual([])
  })

  test('a finished code block has colours in both themes, and its text does not change', async () => {
    const chat = await site.visit({ colorScheme: 'light' })
    await chat.say(`${reply(`${tsBlock}\n\nand\n\n${tsBlock}\n\nend`)} [[fault pace ms=30]]`)
    await chat.page.locator('.code').first().waitFor()
    const removed = await chat.lastReply.evaluateHandle((body) => {
      const names: string[] = []
      new MutationObserver((records) => {
        for (const { removedNodes } of records) names.push(...Array.from(removedNodes, String))
      }).observe(body, { childList: true, subtree: true })
      return names
    })
    await chat.page.locator('.hljs-keyword').nth(1).waitFor()
    await expectText(chat, 'end')
    await chat.settled()
    expect(await removed.jsonValue()).toEqual([])
    expect(await chat.page.locator('.code code').allInnerTexts()).toEqual([
      'const answer: number = 42 // that is it',
      'const answer: number = 42 // that is it',
    ])
    const colours = () =>
      chat.page
        .locator('.code')
        .first()
        .locator('.hljs-keyword, .hljs-number, .hljs-comment')
        .evaluateAll((spans) => spans.map((span) => getComputedStyle(span).color))
    const light = await colours()
    expect(new Set(light).size).toBe(3)
    await chat.page.emulateMedia({ colorScheme: 'dark' })
    const dark = await colours()
    expect(dark.filter((colour) => light.includes(colour))).toEqual([])
    expect(chat.requests.filter((request) => request.url().endsWith(highlighterPath))).toHaveLength(
      1,
    )
  })

  test('if the highlighter cannot be loaded, the code stays plain', async () => {
    const chat = await site.visit()
    const refused = chat.page.waitForEvent('requestfailed', (request) =>
      request.url().endsWith(highlighterPath),
    )
    await chat.page.route(`**${highlighterPath}`, (route) => route.abort())
    await chat.say(reply(`${tsBlock}\n\nend`))
    await expectText(chat, 'end')
    await chat.settled()
    await refused
    expect(await chat.page.locator('.code code').innerHTML()).toBe(
      'const answer: number = 42 // that is it',
    )
  })

  test('code has colours under every name that models give to its language', async () => {
    const chat = await site.visit()
    const samples: Record<string, string> = {
      'js mjs cjs jsx ts mts cts tsx JavaScript TypeScript': 'const a = 1',
      'json jsonc': '{"a": 1}',
      'bash sh shell zsh': 'if true; then echo "a"; fi',
      'py python': 'def a(): pass',
      sql: 'select 1',
      'html xml svg': '<p>a</p>',
      css: 'a { color: red }',
      'yaml yml': 'a: 1',
      'go golang': 'func a() {}',
      'rust rs': 'fn a() {}',
      java: 'class A {}',
      'c h cc cpp hpp c++': 'int a = 1;',
      'diff patch': '- a\n+ b',
    }
    const blocks = Object.entries(samples).flatMap(([names, code]) =>
      names.split(' ').map((name) => `\`\`\`${name}\n${code}\n\`\`\``),
    )
    await chat.say(reply(blocks.join('\n\n')))
    await chat.settled()
    await chat.page
      .locator('.code')
      .nth(blocks.length - 1)
      .locator('span')
      .first()
      .waitFor()
    expect(await chat.page.locator('.code').count()).toBe(blocks.length)
    expect(await chat.page.locator('.code:not(:has(span))').allInnerTexts()).toEqual([])
  })

  test('a button, reachable by keyboard, copies the code and confirms it', async () => {
    const chat = await site.visit({ permissions: ['clipboard-read', 'clipboard-write'] })
    await chat.say(reply('```py\nif a < b:\n\tprint("c")\n```'))
    await chat.settled()
    await chat.page.locator('.code button').waitFor()
    await chat.page.locator('.code pre').focus()
    await chat.page.keyboard.press('Tab')
    const button = chat.page.locator('.code button')
    expect(await button.evaluate((element) => element.matches(':focus-visible'))).toBe(true)
    expect(await button.getAttribute('aria-label')).toBe('Copy code')
    await chat.page.keyboard.press('Enter')
    await chat.page.getByRole('button', { name: 'Copied' }).waitFor()
    expect(await chat.page.evaluate(() => navigator.clipboard.readText())).toBe(
      'if a < b:\n\tprint("c")',
    )
    await chat.page.getByRole('button', { name: 'Copy code' }).waitFor()
  })

  test('the name of the language is shown, but not announced with the reply', async () => {
    const chat = await site.visit()
    await chat.say(reply('```python\npass\n```'))
    await chat.settled()
    const label = chat.page.locator('.code')
    expect(await label.evaluate((code) => getComputedStyle(code, '::before').content)).toBe(
      '"python"',
    )
    expect((await chat.lastReply.innerText()).trim()).toBe('pass')
  })
})

describe('tables', () => {
  const tableSource = '| Left | Right |\n|:--|--:|\n| a | 1 |\n| b | 2 |'

  test('have a head and aligned columns', async () => {
    const chat = await site.visit()
    await chat.say(reply(tableSource))
    await chat.settled()
    expect(await chat.page.getByRole('columnheader').allInnerTexts()).toEqual(['Left', 'Right'])
    expect(await chat.page.getByRole('cell').allInnerTexts()).toEqual(['a', '1', 'b', '2'])
    const align = chat.page.getByRole('cell').nth(1)
    expect(await align.evaluate((cell) => getComputedStyle(cell).textAlign)).toBe('right')
  })

  test('scroll sideways if they are wider than the chat, also by keyboard', async () => {
    const chat = await site.visit()
    const wide = Array.from({ length: 12 }, (_, column) => `column${column}`).join(' | ')
    await chat.say(reply(`| ${wide} |\n|${'---|'.repeat(12)}`))
    await chat.settled()
    const frame = chat.page.locator('.table')
    const [inner, outer] = await frame.evaluate((table) => [table.scrollWidth, table.clientWidth])
    expect(inner).toBeGreaterThan(outer)
    expect(
      await chat.page.getByRole('log').evaluate((log) => log.scrollWidth - log.clientWidth),
    ).toBe(0)
    await frame.focus()
    await chat.page.keyboard.press('ArrowRight')
    await chat.page.waitForFunction(() => {
      const root = document.querySelector('chatbot-widget')?.shadowRoot
      return (root?.querySelector('.table')?.scrollLeft ?? 0) > 0
    })
    const name = wide.split(' | ').join(', ')
    expect(await chat.page.getByRole('group', { name }).count()).toBe(1)
  })

  test('long cells are 8 to 20 em wide, and short ones as wide as their text', async () => {
    const chat = await site.visit()
    const long = 'Words that would make a very narrow and very high column.'
    const cells = [long, long.repeat(4), 'yes', long, long, long]
    await chat.say(
      reply(
        `| ${cells.map((_, i) => i).join(' | ')} |\n|${'-|'.repeat(6)}\n| ${cells.join(' | ')} |`,
      ),
    )
    await chat.settled()
    const [ems, height] = await chat.page.locator('.table').evaluate((frame) => {
      const em = Number.parseFloat(getComputedStyle(frame).fontSize)
      const shown = Array.from(frame.querySelectorAll('td'), (cell) => cell.offsetWidth / em)
      return [shown, frame.clientHeight / em] as const
    })
    for (const width of ems.filter((_, column) => column !== 2)) {
      expect(width).toBeGreaterThanOrEqual(8)
      expect(width).toBeLessThanOrEqual(20.1)
    }
    expect(ems[2]).toBeLessThan(5)
    expect(height).toBeLessThan(40)
  })

  test('have a shadow at the edge beyond which there is more to see', async () => {
    const chat = await site.visit()
    const wide = Array.from({ length: 12 }, (_, column) => `column${column}`).join(' | ')
    await chat.say(reply(`| ${wide} |\n|${'---|'.repeat(12)}\n\n| a | b |\n|---|---|`))
    await chat.settled()
    const [scrolling, fitting] = [
      chat.page.locator('.table').first(),
      chat.page.locator('.table').last(),
    ]
    /** Whether the bottom row of pixels is darker at this edge than in the middle. */
    const hasShadow = async (frame: typeof scrolling, edge: 'left' | 'right') => {
      const [width, height] = await frame.evaluate(
        (table) => [table.clientWidth, table.clientHeight] as const,
      )
      const picture = await frame.screenshot()
      return chat.page.evaluate(
        async ([base64, right, y]) => {
          const bytes = Uint8Array.from(atob(base64), (char) => char.codePointAt(0)!)
          const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
          const canvas = new OffscreenCanvas(image.width, image.height)
          const context = canvas.getContext('2d')!
          context.drawImage(image, 0, 0)
          const light = (x: number) =>
            context
              .getImageData(x, y, 1, 1)
              .data.slice(0, 3)
              .reduce((sum, part) => sum + part, 0)
          return Math.abs(light(right) - light(Math.round(image.width / 2))) > 60
        },
        [
          picture.toString('base64'),
          edge === 'left' ? 3 : width - 4,
          Math.round(height * 0.3),
        ] as const,
      )
    }
    expect(await hasShadow(scrolling, 'left')).toBe(false)
    expect(await hasShadow(scrolling, 'right')).toBe(true)
    await scrolling.evaluate((table) => table.scrollTo(10_000, 0))
    expect(await hasShadow(scrolling, 'left')).toBe(true)
    expect(await hasShadow(scrolling, 'right')).toBe(false)
    expect(await hasShadow(fitting, 'left')).toBe(false)
  })
})

describe('links', () => {
  const attributesOf = (chat: Chat) =>
    chat.lastReply
      .locator('a')
      .evaluateAll((links) =>
        links.map((link) => ['href', 'target', 'rel'].map((name) => link.getAttribute(name) ?? '')),
      )

  test('to other sites open in a new tab, to the own site and to phones in the same one', async () => {
    const chat = await site.visit()
    const { origin } = new URL(chat.page.url())
    const addresses = [
      'https://x.example/a',
      '/pricing',
      `${origin}/b`,
      '#faq',
      '//x.example',
      'tel:112',
    ]
    await chat.say(reply(addresses.map((address) => `[a](${address})`).join(' and ')))
    await chat.settled()
    const elsewhere = ['_blank', 'noopener noreferrer']
    expect(await attributesOf(chat)).toEqual([
      ['https://x.example/a', ...elsewhere],
      [`${origin}/pricing`, '', ''],
      [`${origin}/b`, '', ''],
      [`${chat.page.url()}#faq`, '', ''],
      ['http://x.example/', ...elsewhere],
      ['tel:112', '', ''],
    ])
  })

  test('to a part of the page scroll the page, also with another base, and open no tab', async () => {
    // The policy of the demo page forbids a base.
    const chat = await site.visit({ bypassCSP: true })
    await chat.page.evaluate(() => {
      document.head.append(Object.assign(document.createElement('base'), { href: '/elsewhere/' }))
      const target = Object.assign(document.createElement('h2'), { id: 'faq', textContent: 'FAQ' })
      target.style.marginTop = '4000px'
      document.body.append(target)
    })
    await chat.say(reply('[the answers](#faq) and [a page](page)'))
    await chat.settled()
    const { origin, pathname } = new URL(chat.page.url())
    expect((await attributesOf(chat)).map(([href]) => href)).toEqual([
      `${origin}${pathname}#faq`,
      `${origin}/elsewhere/page`,
    ])
    await chat.page.getByRole('link', { name: 'the answers' }).click()
    await chat.page.waitForFunction(() => scrollY > 1000)
    expect(chat.page.context().pages()).toHaveLength(1)
    expect(await chat.lastReply.innerText()).toContain('the answers')
  })
})

test('each block has the direction of its own text', async () => {
  const chat = await site.visit()
  const arabic = 'مرحبا بك'
  await chat.say(
    reply(
      [
        'Latin first.',
        arabic,
        `# ${arabic}`,
        `- ${arabic}\n- Latin\n  - ${arabic}`,
        `> ${arabic}\n>\n> Latin`,
        `| ${arabic} | b |\n|---|---|\n| ${arabic} | Latin |`,
        '```\ncode\n```',
      ].join('\n\n'),
    ),
  )
  await chat.settled()
  const directions = await chat.lastReply.evaluate((body) =>
    Array.from(
      body.querySelectorAll('p, h3, li, blockquote, .table, pre'),
      (block) => `${block.localName} ${getComputedStyle(block).direction}`,
    ),
  )
  expect(directions).toEqual([
    'p ltr',
    'p rtl',
    'h3 rtl',
    'li rtl',
    'li ltr',
    'li rtl',
    'blockquote rtl',
    'p rtl',
    'p rtl',
    'div rtl',
    'pre ltr',
  ])
  // A line inside such a block begins at the side of its own text.
  const beginsLeft = (text: string, tag: string) =>
    chat.lastReply
      .locator(tag, { hasText: text })
      .last()
      .evaluate((block) => {
        const range = document.createRange()
        range.selectNodeContents(block)
        const [line, box] = [range.getBoundingClientRect(), block.getBoundingClientRect()]
        return line.left - box.left < box.right - line.right
      })
  expect(await beginsLeft('Latin', 'blockquote p')).toBe(true)
  expect(await beginsLeft(arabic, 'blockquote p')).toBe(false)
  expect(await beginsLeft(arabic, 'td')).toBe(false)
})

test('a reply with every kind of Markdown is the same after a reload', async () => {
  const chat = await site.visit()
  await chat.say(reply(everyKind))
  await chat.settled()
  await chat.page.locator('.code .hljs-keyword').first().waitFor()
  const streamed = await chat.lastReply.innerHTML()
  await chat.page.reload()
  await chat.page.locator('.code .hljs-keyword').first().waitFor()
  expect(await chat.lastReply.innerHTML()).toBe(streamed)
})
