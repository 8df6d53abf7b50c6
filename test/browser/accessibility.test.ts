import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { expect, test } from 'vitest'
import { hostScript, visitHost } from '../rigs/host-page.ts'
import { expectText, reply, setUpSite } from '../rigs/visit-page.ts'
import { sayHello, styleOf } from '../rigs/widget-look.ts'

const site = setUpSite()

test('with reduced motion nothing is animated', async () => {
  const { page } = await visitHost(site, { body: hostScript('data-open') })
  const animation = () => styleOf(page, '.panel', 'animationName')
  await page.emulateMedia({ reducedMotion: 'no-preference' })
  expect(await animation()).toBe('enter')
  await page.emulateMedia({ reducedMotion: 'reduce' })
  const moving = await page.evaluate(() => {
    const root = document.querySelector('chatbot-widget')!.shadowRoot!
    return Array.from(root.querySelectorAll('*'), (element) => getComputedStyle(element)).filter(
      (style) => style.animationName !== 'none' || style.transitionDuration !== '0s',
    ).length
  })
  expect(moving).toBe(0)
})

test('with forced colours, buttons and messages keep an outline', async () => {
  const chat = await visitHost(site)
  await chat.page.emulateMedia({ forcedColors: 'active' })
  await sayHello(chat)
  for (const part of ['.launcher', '.send', '.user .body', '.assistant .body', 'textarea']) {
    expect(await styleOf(chat.page, part, 'borderTopWidth'), part).toBe('1px')
    expect(await styleOf(chat.page, part, 'borderTopColor'), part).not.toBe(
      await styleOf(chat.page, '.panel', 'backgroundColor'),
    )
  }
})

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

test.each(['light', 'dark'] as const)(
  'axe finds no fault in the %s theme: closed, open, with code, a table and a failure, with past chats',
  async (colorScheme) => {
    const chat = await site.visit({
      bypassCSP: true,
      colorScheme,
      // The panel fades in, and axe would measure its half-transparent colours.
      reducedMotion: 'reduce',
      viewport: { width: 1000, height: 800 },
    })
    const { page } = chat
    await page.evaluate(axe)
    const violations = async () => {
      const { violations: found } = await page.evaluate<AxeResults>('axe.run()')
      return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
    }
    expect(await violations()).toEqual([])
    await page.getByRole('button', { name: 'Open chat' }).click()
    expect(await violations()).toEqual([])
    const text =
      '# Heading\n\n```js\nconst x = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quote [link](https://example.com)'
    await chat.say(reply(text))
    await expectText(chat, 'const')
    await chat.settled()
    await chat.say(`[[fault status status=500 times=9 id=${crypto.randomUUID()}]]`)
    await chat.retry.waitFor()
    expect(await violations()).toEqual([])
    await page.getByRole('button', { name: 'Past chats' }).click()
    await page.getByRole('button', { name: 'Rename' }).waitFor()
    expect(await violations()).toEqual([])
  },
)
