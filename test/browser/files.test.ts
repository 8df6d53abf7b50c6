import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostScript, visitHost } from '../rigs/host-page.ts'
import { type Chat, patience, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dropped-'))
  await writeFile(join(folder, 'notes.html'), '<title>Opened</title>')
})
afterAll(() => rm(folder, { recursive: true }))

const refusal = 'Files cannot be sent here.'

/** Opens the chat on a host page and waits for its conversation, which refuses files with a notice. */
async function visitLoaded(body: string, options?: { init: () => void }): Promise<Chat> {
  const chat = await visitHost(site, { body }, options)
  await chat.input.fill('Loaded?')
  await chat.page.getByRole('button', { name: 'Send', disabled: false }).waitFor()
  await chat.input.fill('')
  return chat
}

/** Drags something from outside the browser to the middle of an element and drops it there. */
async function drop({ page }: Chat, target: string, data: { files?: string[]; text?: string }) {
  const { x, y, width, height } = (await page.locator(target).first().boundingBox())!
  const session = await page.context().newCDPSession(page)
  const { files = [], text } = data
  const items = text === undefined ? [] : [{ mimeType: 'text/plain', data: text }]
  for (const type of ['dragEnter', 'dragOver', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', {
      type,
      x: x + width / 2,
      y: y + height / 2,
      data: { items, files, dragOperationsMask: 1 },
    })
  }
}

/** A page with a drop zone of its own, which takes every file that is dropped. */
function installDropZone(): void {
  const dropped: string[] = []
  Object.assign(globalThis, { dropped })
  for (const type of ['dragenter', 'dragover', 'dragleave', 'drop'] as const) {
    document.addEventListener(type, (event) => {
      event.preventDefault()
      dropped.push(type)
    })
  }
}

/** The texts that the alert above the input has shown. */
function alertsOf({ page }: Chat) {
  return page.evaluateHandle(() => {
    const alert = document
      .querySelector('chatbot-widget')
      ?.shadowRoot?.querySelector('[role=alert]')
    const said: string[] = []
    new MutationObserver(() => said.push(alert?.textContent ?? '')).observe(alert!, {
      childList: true,
    })
    return said
  })
}

test.each(['.log', 'textarea', 'header'])(
  'a file dropped on the %s of the chat is not opened, and the chat says once that it cannot be sent',
  async (target) => {
    const chat = await visitLoaded(hostScript('data-open'))
    const alerts = await alertsOf(chat)
    await chat.input.fill('My draft')
    await drop(chat, target, { files: [join(folder, 'notes.html')] })
    await chat.page.getByRole('alert').getByText(refusal).waitFor()
    expect(await alerts.jsonValue()).toEqual([refusal])
    expect(await chat.input.inputValue()).toBe('My draft')
    expect(chat.page.url()).toBe(`${site.worker.url}/host`)
    expect(chat.page.context().pages()).toHaveLength(1)
    // The notice goes with the next word.
    await chat.input.press('End')
    await chat.page.keyboard.type('!')
    expect(await chat.page.locator('.composer .note').textContent()).toBe('')
  },
)

test('beside the past chats the refusal is announced', async () => {
  const chat = await visitLoaded(hostScript('data-open'))
  await chat.page.getByRole('button', { name: 'Past chats' }).click()
  await drop(chat, '#sessions', { files: [join(folder, 'notes.html')] })
  await chat.page.getByRole('status').getByText(refusal).waitFor()
})

test('the page does not get what is dropped on the chat, and gets what is dropped beside it', async () => {
  const chat = await visitLoaded(`<h1>Page</h1>${hostScript('data-open')}`, {
    init: installDropZone,
  })
  const seen = () => chat.page.evaluate<string[]>('dropped')
  await drop(chat, '.log', { files: [join(folder, 'notes.html')] })
  await chat.page.getByRole('alert').getByText(refusal).waitFor()
  expect(await seen()).toEqual([])
  await drop(chat, 'h1', { files: [join(folder, 'notes.html')] })
  expect(await seen()).toContain('drop')
})

test('a file that is dropped before the conversation is loaded is not opened', async () => {
  const chat = await site.visit({ viewport: { width: 900, height: 700 } })
  await chat.page.route('**/chunks/conversation.js*', (route) => route.abort())
  await chat.page.getByRole('button', { name: 'Open chat' }).click()
  await chat.page.getByText('There is no connection to the chat.').waitFor()
  await drop(chat, '.log', { files: [join(folder, 'notes.html')] })
  await drop(chat, 'textarea', { files: [join(folder, 'notes.html')] })
  await chat.input.fill('My draft')
  expect(new URL(chat.page.url()).pathname).toBe('/')
  expect(chat.page.context().pages()).toHaveLength(1)
})

test('text can be dropped into the input', async () => {
  const chat = await visitLoaded(hostScript('data-open'))
  await drop(chat, 'textarea', { text: 'dropped words' })
  expect(await chat.input.inputValue()).toBe('dropped words')
  expect(await chat.page.locator('.composer .note').textContent()).toBe('')
})

test.each([
  ['a file', ['Files'], refusal],
  ['a picture of the web', ['text/html', 'Files'], refusal],
  ['text with a picture of itself', ['text/plain', 'text/html', 'Files'], ''],
  ['text', ['text/plain'], ''],
])('%s in the clipboard is pasted as text or refused', async (_, types, notice) => {
  const chat = await visitLoaded(hostScript('data-open'))
  await chat.input.evaluate((input, names) => {
    const clipboardData = new DataTransfer()
    for (const name of names) {
      if (name === 'Files') clipboardData.items.add(new File(['x'], 'x.png', { type: 'image/png' }))
      else clipboardData.items.add('words', name)
    }
    input.dispatchEvent(
      new ClipboardEvent('paste', { clipboardData, bubbles: true, composed: true }),
    )
  }, types)
  // The refusal is loaded with the first paste.
  const chunk = () => chat.requests.find((request) => request.url().includes('refuse-files'))
  await expect.poll(async () => (await chunk()?.response())?.ok(), patience).toBe(true)
  await expect.poll(() => chat.page.locator('.composer .note').textContent()).toBe(notice)
})
