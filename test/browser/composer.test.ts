import { expect, test } from 'vitest'
import { expectText, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

test('Shift + Enter begins a new line, and Enter in an input method does not send', async () => {
  const chat = await site.visit()
  await chat.input.fill('one')
  await chat.page.keyboard.press('Shift+Enter')
  await chat.page.keyboard.type('two')
  expect(await chat.input.inputValue()).toBe('one\ntwo')
  for (const init of [{ isComposing: true }, { keyCode: 229 }]) {
    await chat.input.dispatchEvent('keydown', { key: 'Enter', ...init })
    expect(await chat.input.inputValue()).toBe('one\ntwo')
  }
  expect(chat.turns()).toEqual([])
})

test('a message that shows nothing cannot be sent, and an emoji of several characters can', async () => {
  const chat = await site.visit()
  const send = chat.page.getByRole('button', { name: 'Send' })
  for (const text of [' \n', '\u200b\u2060', '\ufeff\u00ad\u3164\u2800', '\u{e0020}\ufe0f']) {
    await chat.input.fill(text)
    expect(await send.isDisabled(), JSON.stringify(text)).toBe(true)
    await chat.input.press('Enter')
    expect(await chat.input.inputValue()).toBe(text)
  }
  expect(chat.turns()).toEqual([])
  await chat.say('👩‍🚀')
  await expectText(chat, '👩‍🚀')
  expect(chat.turns()).toMatchObject([{ message: '👩‍🚀' }])
})

test('selected text of the page is quoted with the message', async () => {
  const chat = await site.visit()
  const ask = chat.page.getByRole('button', { name: 'Ask about this' })
  const chip = chat.page.locator('.chip')
  await chat.page.getByRole('heading', { level: 1 }).selectText()
  await ask.click()
  await chip.getByText('neon-chat-history').waitFor()
  expect(await ask.isHidden()).toBe(true)
  expect(await chat.input.evaluate((element) => element.matches(':focus'))).toBe(true)
  // The quotation survives a reload, like typed text, and can be removed.
  await chat.page.reload()
  await chip.getByText('neon-chat-history').waitFor()
  await chip.getByRole('button', { name: 'Remove the quotation' }).click()
  await chip.waitFor({ state: 'hidden' })

  await chat.page.getByRole('heading', { level: 1 }).selectText()
  await ask.click()
  await chat.say('What is it?')
  await expectText(chat, 'You selected')
  expect(chat.turns()).toMatchObject([{ context_text: 'neon-chat-history' }])
  expect(await chip.isHidden()).toBe(true)
  const quotation = chat.page.locator('.message.user .quotation')
  expect(await quotation.innerText()).toBe('neon-chat-history')
  await chat.page.reload()
  await expectText(chat, 'You selected')
  expect(await quotation.innerText()).toBe('neon-chat-history')
})

test('a selection is cut to the limit of the API, and a selection in a field does not count', async () => {
  const chat = await site.visit({ viewport: { width: 900, height: 700 } })
  const ask = chat.page.getByRole('button', { name: 'Ask about this' })
  await chat.page.evaluate(() => {
    document.querySelector('h1')!.textContent = 'a'.repeat(7_999) + '😀'.repeat(9)
  })
  await chat.page.getByRole('heading', { level: 1 }).selectText()
  // The button opens the closed chat.
  await ask.click()
  await chat.dialog.waitFor()
  await chat.say('How long?')
  await expectText(chat, 'You selected')
  expect(chat.turns()[0].context_text).toBe('a'.repeat(7_999))
  await chat.page.getByRole('heading', { level: 1 }).selectText()
  await ask.waitFor()
  await chat.input.fill('select me')
  await chat.input.selectText()
  await ask.waitFor({ state: 'hidden' })
  await chat.page.getByRole('heading', { level: 1 }).selectText()
  await ask.waitFor()
  await chat.page.evaluate(() => {
    document.querySelector('chatbot-widget')!.setAttribute('selection', 'off')
  })
  await ask.waitFor({ state: 'hidden' })
})

test('one click sends a suggested question, and only an empty conversation shows them', async () => {
  const chat = await site.visit()
  await chat.page.evaluate(() => {
    document.querySelector('chatbot-widget')!.suggestions = ['What can you do?', 'Who are you?']
  })
  const suggestion = chat.page.getByRole('button', { name: 'What can you do?' })
  await suggestion.waitFor()
  expect(chat.requests.filter((request) => request.url().includes('/v1/'))).toEqual([])
  await suggestion.click()
  await expectText(chat, 'ask for it later')
  expect(chat.turns()).toMatchObject([{ message: 'What can you do?' }])
  expect(await suggestion.isHidden()).toBe(true)
  await chat.page.getByRole('button', { name: 'New chat' }).click()
  await suggestion.waitFor()
})
