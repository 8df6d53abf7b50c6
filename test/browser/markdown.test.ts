import { describe, expect, test } from 'vitest'
import { everyKind } from '../generators/every-kind.ts'
import { expectText, reply, setUpSite } from '../rigs/visit-page.ts'

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
  })
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
