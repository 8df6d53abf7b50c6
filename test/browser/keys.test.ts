import { expect, test } from 'vitest'
import { hostScript, visitHost } from '../rigs/host-page.ts'
import { type Chat, expectText, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

/** A page with one-key shortcuts: "/" and "s" focus a search, as many sites have it. `heard` names what the page got. */
function installShortcuts(): void {
  const heard: string[] = []
  Object.assign(globalThis, { heard })
  const types = 'keydown keypress keyup beforeinput input paste copy cut'
  for (const target of [window, document]) {
    for (const type of types.split(' ')) {
      target.addEventListener(type, (event) => {
        const name = event instanceof KeyboardEvent ? `${type} ${event.key}` : type
        if (target === window) heard.push(name)
        if (name !== 'keydown /' && name !== 'keydown s') return
        event.preventDefault()
        document.querySelector('input')?.focus()
      })
    }
  }
}

const body = `<input aria-label="Search">${hostScript('data-open')}`

/** The events that the page has received since the last call. */
const heard = ({ page }: Chat) => page.evaluate<string[]>('heard.splice(0)')

/** The chat's input. The page has another one. */
const inputOf = ({ page }: Chat) => page.locator('textarea')

async function visitWithShortcuts(parts: { body?: string; platform?: string } = {}) {
  const chat = await visitHost(site, { body, ...parts }, { init: installShortcuts })
  const { page } = chat
  await page.getByRole('button', { name: 'Send' }).waitFor()
  await inputOf(chat).focus()
  return chat
}

/** Presses and releases a key in the chat. It has no effect of its own, so that any keyboard can be tried. */
function dispatchKey(chat: Chat, init: Record<string, string | number | boolean>) {
  return inputOf(chat).evaluate((input, keyInit) => {
    for (const type of ['keydown', 'keyup']) {
      const options = { code: 'KeyQ', bubbles: true, composed: true, cancelable: true, ...keyInit }
      input.dispatchEvent(new KeyboardEvent(type, options))
    }
  }, init)
}

test('what the visitor types is text and no shortcut of the page', async () => {
  const chat = await visitWithShortcuts()
  const { page } = chat
  await page.keyboard.type('yes/no')
  for (const key of ['ArrowLeft', 'Home', 'Backspace', 'Delete', 'PageUp', 'End', 'Space', 'S']) {
    await page.keyboard.press(key)
  }
  expect(await inputOf(chat).inputValue()).toBe('es/no S')
  await page.keyboard.press('Control+A')
  await page.keyboard.press('Control+X')
  await page.keyboard.press('Control+V')
  expect(await inputOf(chat).inputValue()).toBe('es/no S')
  const names = (await heard(chat)).filter((name) => !/^key\w+ (Control|[AXV])$/.test(name))
  expect(names).toEqual([])
  // Neither does a key that is pressed while reading.
  await page.getByRole('log').focus()
  await page.keyboard.press('s')
  await page.getByRole('button', { name: 'New chat' }).focus()
  await page.keyboard.press('/')
  expect(await heard(chat)).toEqual([])
  // Outside the chat they work.
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Open chat' }).focus()
  await heard(chat)
  await page.keyboard.press('s')
  expect(await heard(chat)).toContain('keydown s')
  expect(
    await page.getByLabel('Search').evaluate((input) => input === document.activeElement),
  ).toBe(true)
})

test('the chat still uses its own keys: Enter sends, also with a modifier, and the page does not hear it', async () => {
  const chat = await visitWithShortcuts()
  await chat.page.keyboard.type(reply('Here I am'))
  await chat.page.keyboard.press('Control+Enter')
  await expectText(chat, 'Here I am')
  expect((await heard(chat)).filter((name) => name.includes('Enter'))).toEqual([])
})

test('the page gets shortcuts with Ctrl, Alt or Meta, function keys and Tab', async () => {
  const chat = await visitWithShortcuts()
  for (const init of [
    { key: 'k', ctrlKey: true },
    { key: 'k', metaKey: true },
    { key: 'k', altKey: true },
    { key: 'K', ctrlKey: true, shiftKey: true },
    { key: 'Control', ctrlKey: true },
    { key: 'F1' },
    { key: 'Tab' },
  ]) {
    await dispatchKey(chat, init)
    expect(await heard(chat), JSON.stringify(init)).toEqual([
      `keydown ${init.key}`,
      `keyup ${init.key}`,
    ])
  }
  await chat.page.keyboard.press('Shift+Tab')
  expect(await inputOf(chat).evaluate((input) => input.matches(':focus'))).toBe(false)
})

test.each([
  ['AltGr', '', { key: '@', ctrlKey: true, altKey: true, modifierAltGraph: true }],
  ['Option on a Mac', 'MacIntel', { key: '[', altKey: true }],
  ['a dead key with Option', 'MacIntel', { key: 'Dead', altKey: true }],
  ['a dead key', '', { key: 'Dead' }],
  ['an input method', '', { key: 'Process', keyCode: 229 }],
  ['Escape in an input method', '', { key: 'Escape', isComposing: true }],
])('a character that is typed with %s is text', async (_, platform, init) => {
  const chat = await visitWithShortcuts()
  if (platform) {
    await chat.page.evaluate((value) => {
      Object.defineProperty(navigator, 'platform', { value })
    }, platform)
  }
  await dispatchKey(chat, init)
  expect(await heard(chat)).toEqual([])
  expect(await chat.dialog.isVisible()).toBe(true)
})

test('the page gets Escape only if the chat has nothing to close', async () => {
  const chat = await visitWithShortcuts()
  const { page } = chat
  const pressEscape = async () => {
    await page.keyboard.press('Escape')
    return (await heard(chat)).filter((name) => name.startsWith('keydown'))
  }
  await page.getByRole('button', { name: 'Past chats' }).click()
  expect(await pressEscape()).toEqual([])
  expect(await pressEscape()).toEqual([])
  await chat.dialog.waitFor({ state: 'hidden' })
  expect(await pressEscape()).toEqual(['keydown Escape'])
})

test('an inline chat leaves Escape to the page, except for its past chats', async () => {
  const chat = await visitWithShortcuts({ body: `<input>${hostScript('data-inline')}` })
  const { page } = chat
  await page.keyboard.press('Escape')
  expect(await heard(chat)).toContain('keydown Escape')
  await page.getByRole('button', { name: 'Past chats' }).click()
  await heard(chat)
  await page.keyboard.press('Escape')
  expect(await heard(chat)).not.toContain('keydown Escape')
  await inputOf(chat).waitFor()
})

test('a key that was pressed on the page is released on the page, also if the chat has opened meanwhile', async () => {
  const chat = await visitHost(site, { body: hostScript() }, { init: installShortcuts })
  const { page } = chat
  await page.evaluate(() => {
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'c') return
      event.preventDefault()
      document.querySelector('chatbot-widget')!.open()
    })
  })
  await page.keyboard.down('c')
  await inputOf(chat).waitFor()
  await page.keyboard.up('c')
  expect(await heard(chat)).toEqual(['keydown c', 'keyup c'])
})
