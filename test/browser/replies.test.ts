import { expect, test } from 'vitest'
import { storedMessages } from '../rigs/page-api.ts'
import { expectText, reply, setUpSite, tenWords } from '../rigs/visit-page.ts'

const site = setUpSite()

test('a reply is shown while it is written, and announced once, when it is complete', async () => {
  const chat = await site.visit()
  const spoken = await chat.page.evaluateHandle(() => {
    const root = document.querySelector('chatbot-widget')?.shadowRoot
    const status = root?.querySelector('[role=status]')
    const heard: string[] = []
    const observer = new MutationObserver(() => {
      if (status?.textContent) heard.push(status.textContent)
    })
    if (status) observer.observe(status, { childList: true, subtree: true, characterData: true })
    return heard
  })
  await chat.say(`${reply(tenWords)} [[fault pace ms=400]]`)
  await expectText(chat, 'one two')
  expect(await chat.lastReply.innerText()).not.toContain('ten')
  expect(await chat.send.isHidden()).toBe(true)
  // The visitor can type in the meantime, but not send.
  await chat.input.fill('and then')
  await chat.page.keyboard.press('Enter')
  expect(await chat.input.inputValue()).toBe('and then')
  await expectText(chat, tenWords)
  await chat.say(reply('And so on'))
  await chat.page.waitForFunction((heard) => heard.includes('And so on'), spoken)
  expect(await spoken.jsonValue()).toEqual([tenWords, 'And so on'])
  expect(chat.turns()).toHaveLength(2)
})

test('a streamed reply has the same HTML after a reload', async () => {
  const chat = await site.visit()
  await chat.say('Show me markdown')
  await expectText(chat, 'I am the offline model')
  await chat.settled()
  // The colours of code follow when the highlighter is loaded.
  await chat.lastReply.locator('[class^="hljs-"]').first().waitFor()
  const streamed = await chat.lastReply.innerHTML()
  for (const tag of ['h3', 'strong', 'del', 'ul', 'ol', 'pre', 'blockquote', 'a']) {
    expect(streamed).toContain(`<${tag}`)
  }
  await chat.page.reload()
  await expectText(chat, 'I am the offline model')
  await chat.lastReply.locator('[class^="hljs-"]').first().waitFor()
  expect(await chat.lastReply.innerHTML()).toBe(streamed)
})

test('while a reply is written, no node is removed', async () => {
  const chat = await site.visit()
  await chat.say(`${reply(tenWords.repeat(3))} [[fault pace ms=60]]`)
  await expectText(chat, 'one')
  const removed = await chat.page.evaluateHandle(() => {
    const root = document.querySelector('chatbot-widget')?.shadowRoot
    const log = root?.querySelector('.messages')
    const names: string[] = []
    const observer = new MutationObserver((records) => {
      for (const { removedNodes } of records) {
        for (const node of removedNodes) names.push(node.nodeName)
      }
    })
    if (log) observer.observe(log, { childList: true, subtree: true })
    return names
  })
  await expectText(chat, tenWords.repeat(3))
  expect(await removed.jsonValue()).toEqual([])
})

test('a failed reply is retried as the same turn, also after a reload', async () => {
  const chat = await site.visit()
  await chat.say(
    `${reply('At last')} [[fault status status=500 times=2 id=${crypto.randomUUID()}]]`,
  )
  await chat.retry.click()
  await chat.lastNote.getByText('cannot be reached').waitFor()
  await chat.retry.waitFor()
  await chat.page.reload()
  await chat.retry.click()
  await expectText(chat, 'At last')
  expect(await chat.retry.count()).toBe(0)
  expect(await chat.messages.count()).toBe(2)
  const [first, ...others] = chat.turns()
  expect(others).toHaveLength(2)
  for (const { session_id: _session, ...body } of others) expect(body).toEqual(first)
})

test('an interrupted reply keeps its text and is marked as cut off, also after a reload', async () => {
  const chat = await site.visit()
  await chat.say(`${reply(tenWords)} [[fault cut after=3]]`)
  await chat.lastNote.getByText('This reply was cut off.').waitFor()
  expect(await chat.lastReply.innerText()).toBe('one two three')
  await chat.page.reload()
  await chat.lastNote.getByText('This reply was cut off.').waitFor()
  expect(await chat.lastReply.innerText()).toBe('one two three')
})

test('a stopped reply keeps its text and is marked as cut off', async () => {
  const chat = await site.visit()
  const words = Array.from({ length: 200 }, (_, index) => `w${index}`).join(' ')
  await chat.say(`${reply(words)} [[fault pace ms=100]]`)
  await expectText(chat, 'w3')
  await chat.page.getByRole('button', { name: 'Stop' }).click()
  await chat.lastNote.getByText('This reply was cut off.').waitFor()
  await chat.settled()
  const shown = await chat.lastReply.innerText()
  expect(words.startsWith(shown) && shown.length < words.length).toBe(true)
  expect(await storedMessages(chat)).toMatchObject([{}, { status: 'interrupted', content: shown }])
  // The stop button had the focus and is gone.
  expect(await chat.input.evaluate((element) => element.matches(':focus'))).toBe(true)
  await chat.say(reply('Go on'))
  await expectText(chat, 'Go on')
})
