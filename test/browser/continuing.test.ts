import { describe, expect, test } from 'vitest'
import { storedMessages } from '../rigs/page-api.ts'
import {
  scriptStreams,
  sendCompleted,
  sendEvent,
  sendStarted,
  sendText,
} from '../rigs/scripted-stream.ts'
import {
  type Chat,
  openTab,
  expectText,
  patience,
  reply,
  setUpSite,
  tenWords,
} from '../rigs/visit-page.ts'

const site = setUpSite()

const cutOff = 'This reply was cut off.'
const threeWords = 'one two three'
const more = ({ page }: Chat) => page.getByRole('button', { name: 'Continue' })

/** A visitor whose last reply broke off after three words. */
async function visitCutOff(options?: { init: () => void }, faults = ''): Promise<Chat> {
  const chat = await site.visit(options)
  await chat.page.evaluate(() => {
    if ('scripted' in globalThis) scripted.isOn = false
  })
  await chat.say(`${reply(tenWords)} [[fault cut after=3]] ${faults}`)
  await more(chat).waitFor()
  await chat.settled()
  expect(await chat.lastReply.innerText()).toBe(threeWords)
  await chat.page.evaluate(() => {
    if ('scripted' in globalThis) scripted.isOn = true
  })
  return chat
}

/** Everything that screen readers announce from now on. */
function listen({ page }: Chat) {
  return page.evaluateHandle(() => {
    const status = document
      .querySelector('chatbot-widget')!
      .shadowRoot!.querySelector('[role=status]')!
    const heard: string[] = []
    new MutationObserver(() => {
      if (status.textContent) heard.push(status.textContent)
    }).observe(status, { childList: true, subtree: true, characterData: true })
    return heard
  })
}

describe('with the Worker', () => {
  test('a reply that was cut off goes on in its place, also after a reload, and nothing is said twice', async () => {
    const chat = await visitCutOff()
    const [, cut] = await storedMessages(chat)
    await more(chat).click()
    await expectText(chat, tenWords)
    await chat.settled()
    expect(await chat.texts()).toEqual([expect.any(String), tenWords])
    expect(await chat.lastNote.isHidden()).toBe(true)
    const [first, again] = chat.turns()
    expect(again).toEqual({ ...first, session_id: expect.any(String), continue: cut!.id })
    expect(await storedMessages(chat)).toMatchObject([
      {},
      { id: cut!.id, status: 'complete', content: tenWords },
    ])
    await chat.page.reload()
    await expectText(chat, tenWords)
    expect(await chat.messages.count()).toBe(2)
    expect(await chat.lastNote.isHidden()).toBe(true)
  })

  test('a stopped reply goes on', async () => {
    const chat = await site.visit()
    const words = Array.from({ length: 60 }, (_, index) => `w${index}`).join(' ')
    await chat.say(`${reply(words)} [[fault pace ms=60]]`)
    await expectText(chat, 'w5')
    await chat.page.getByRole('button', { name: 'Stop' }).click()
    await more(chat).click()
    await expectText(chat, 'w59')
    await chat.settled()
    expect(await chat.lastReply.innerText()).toBe(words)
    expect(await chat.messages.count()).toBe(2)
  })

  test('a reply that was cut at its length limit goes on', async () => {
    const chat = await site.visit()
    await chat.say(
      `${reply(tenWords)} [[fault finish reason=length times=1 id=${crypto.randomUUID()}]]`,
    )
    await chat.lastNote.getByText('This reply was cut at its length limit.').waitFor()
    await more(chat).click()
    await expectText(chat, 'That is all.')
    await chat.settled()
    expect(await chat.lastReply.innerText()).toBe(`${tenWords} That is all.`)
  })

  test('a reload in the middle goes on, and the model is asked once', async () => {
    const chat = await visitCutOff(undefined, '[[fault pace ms=300]] id=continue-reload')
    const before = site.worker.model.requests.length
    await more(chat).click()
    await expectText(chat, 'four')
    await chat.page.reload()
    await expectText(chat, tenWords)
    await chat.settled()
    expect(await chat.texts()).toEqual([expect.any(String), tenWords])
    expect(site.worker.model.requests.length - before).toBe(1)
    expect(chat.turns()).toHaveLength(2)
  })

  test('a reload while nothing new comes leaves the note of a reply at its limit, and the button', async () => {
    const chat = await site.visit()
    const faults = [
      'finish after=3 times=1',
      'slow-first ms=3000 in=continue',
      'cut after=0 in=continue',
    ]
    const directives = faults.map((fault) => `[[fault ${fault} id=${crypto.randomUUID()}]]`)
    await chat.say(`${reply(tenWords)} ${directives.join(' ')}`)
    const started = chat.page.waitForResponse((response) => response.url().endsWith('/v1/chat'))
    await more(chat).click()
    await started
    await chat.page.reload()
    await chat.lastNote
      .getByText('cannot be reached just now. This reply was cut at its length')
      .waitFor()
    await more(chat).waitFor()
    expect(await chat.lastReply.innerText()).toBe(threeWords)
  })

  test('another tab shows the growth, and the end', async () => {
    const one = await visitCutOff(undefined, '[[fault pace ms=800]]')
    const two = await openTab(site, one)
    await more(two).waitFor()
    await more(one).click()
    // It grows in its place: the old text is there while more may come.
    await two.page.locator('.message.is-open .body').getByText(threeWords).waitFor()
    for (const tab of [one, two]) await expectText(tab, tenWords)
    expect(await one.texts()).toEqual(await two.texts())
    expect(await more(two).count()).toBe(0)
  })

  test('both tabs continue at the same time: the text is there once, and the model is asked once', async () => {
    const one = await visitCutOff(undefined, '[[fault pace ms=100]]')
    const two = await openTab(site, one)
    // Not by locators, which wait: the one tab takes the button of the other away as soon as it hears of the reply.
    const buttons = await Promise.all([one, two].map((tab) => more(tab).elementHandle()))
    const before = site.worker.model.requests.length
    await Promise.all(
      buttons.map((button) => button?.evaluate((node) => (node as HTMLElement).click())),
    )
    for (const tab of [one, two]) {
      await expectText(tab, tenWords)
      await tab.settled()
      expect(await tab.lastReply.innerText()).toBe(tenWords)
    }
    expect(site.worker.model.requests.length - before).toBe(1)
  })

  test('if the model brings nothing new, text, note and button stay, and it can be asked again', async () => {
    const fault = `[[fault status status=500 in=continue times=1 id=${crypto.randomUUID()}]]`
    const chat = await visitCutOff(undefined, fault)
    await more(chat).click()
    await chat.lastNote.getByText(`cannot be reached just now. ${cutOff}`).waitFor()
    expect(await chat.lastReply.innerText()).toBe(threeWords)
    await more(chat).click()
    await expectText(chat, tenWords)
  })

  test('after it was continued, the last reply can be replaced, and a new message can be sent', async () => {
    const chat = await visitCutOff()
    await more(chat).click()
    await expectText(chat, tenWords)
    await chat.settled()
    await chat.say(reply('The second'))
    await expectText(chat, 'The second')
    await chat.settled()
    await chat.page.getByRole('button', { name: 'Another reply' }).click()
    await chat.settled()
    expect(
      chat
        .turns()
        .map((turn) => Object.keys(turn).filter((name) => /^(continue|regenerate)$/.test(name))),
    ).toEqual([[], ['continue'], [], ['regenerate']])
  })

  test('an open receipt is of the shorter reply, so it closes', async () => {
    const chat = await visitCutOff()
    await chat.page.evaluate(() =>
      document.querySelector('chatbot-widget')!.toggleAttribute('receipts', true),
    )
    await chat.page.getByRole('button', { name: 'What the model was sent' }).click()
    const receipt = chat.page.locator('div.receipt > *')
    await receipt.first().waitFor()
    await more(chat).click()
    await expectText(chat, tenWords)
    await chat.settled()
    expect(await receipt.count()).toBe(0)
  })

  test('only the last reply has the button', async () => {
    const chat = await visitCutOff()
    await chat.say(reply('The second'))
    await expectText(chat, 'The second')
    await chat.settled()
    await chat.page.locator('.assistant .note').first().getByText(cutOff).waitFor()
    expect(await more(chat).count()).toBe(0)
    await chat.page.reload()
    await expectText(chat, 'The second')
    expect(await more(chat).count()).toBe(0)
  })
})

describe('with answers of the test', () => {
  /** Presses the button. Returns the id of the reply. */
  async function press(chat: Chat): Promise<string> {
    await more(chat).click()
    await chat.page.waitForFunction(() => scripted.requests.length > 0)
    return (await lastRequest(chat))!.body.continue!
  }
  const lastRequest = ({ page }: Chat) => page.evaluate(() => scripted.requests.at(-1))
  const count = ({ page }: Chat) => page.evaluate(() => scripted.requests.length)
  /** More of the cut reply. */
  const sendMore = ({ page }: Chat, text: string, before = '') =>
    sendText(page, text, threeWords + before)

  test('the request has the stored words and the place, and the old text stays until the new one comes', async () => {
    const chat = await visitCutOff(scriptStreams)
    const [first] = chat.turns()
    const id = await press(chat)
    expect(await lastRequest(chat)).toEqual({
      body: { ...first, session_id: expect.any(String), continue: id },
      lastEventId: String(threeWords.length),
    })
    expect(await chat.lastReply.innerText()).toBe(threeWords)
    expect(await chat.lastNote.isHidden()).toBe(true)
    await chat.page.locator('.is-open [data-end]').waitFor({ state: 'attached' })
    await sendStarted(chat.page, { reply: id })
    await sendEvent(chat.page, 'turn.thinking', {})
    await chat.lastNote.getByText('Thinking…').waitFor()
    expect(await chat.lastReply.innerText()).toBe(threeWords)
    await sendMore(chat, ' four')
    await expectText(chat, `${threeWords} four`)
    expect(await chat.lastNote.isHidden()).toBe(true)
    await sendCompleted(chat.page, `${threeWords} four`, id)
    await chat.settled()
    expect(await chat.messages.count()).toBe(2)
  })

  test('with the keyboard, the focus goes to the input, and only the new words are announced', async () => {
    const chat = await visitCutOff(scriptStreams)
    const heard = await listen(chat)
    await more(chat).focus()
    await chat.page.keyboard.press('Enter')
    await chat.page.waitForFunction(() => scripted.requests.length > 0)
    const id = (await lastRequest(chat))!.body.continue!
    expect(await chat.input.evaluate((element) => element.matches(':focus'))).toBe(true)
    await sendStarted(chat.page, { reply: id })
    await sendMore(chat, ' four five')
    await sendCompleted(chat.page, `${threeWords} four five`, id)
    await chat.settled()
    await expect.poll(() => heard.jsonValue(), patience).toEqual(['four five'])
  })

  test('on a touch screen the focus goes to the panel, so that no keyboard covers the text', async () => {
    const context = { hasTouch: true, isMobile: true, viewport: { width: 390, height: 780 } }
    const chat = await site.visit({ ...scriptStreams, ...context })
    await chat.page.evaluate(() => (scripted.isOn = false))
    await chat.page.getByRole('button', { name: 'Open chat' }).tap()
    await chat.say(`${reply(tenWords)} [[fault cut after=3]]`)
    await more(chat).waitFor()
    await chat.page.evaluate(() => (scripted.isOn = true))
    await more(chat).tap()
    await chat.page.waitForFunction(() => scripted.requests.length > 0)
    expect(await chat.dialog.evaluate((element) => element.matches(':focus'))).toBe(true)
  })

  test('a reload before the server has answered repeats the request with its place', async () => {
    const chat = await visitCutOff(scriptStreams)
    const id = await press(chat)
    const before = await lastRequest(chat)
    await chat.page.reload()
    await chat.page.waitForFunction(() => scripted.requests.length > 0)
    expect(await lastRequest(chat)).toEqual(before)
    // Nobody has pressed the button on this page, so the focus stays where it is.
    expect(await chat.input.evaluate((element) => element.matches(':focus'))).toBe(false)
    await sendStarted(chat.page, { reply: id, session: before!.body.session_id! })
    await sendMore(chat, ' four')
    await sendCompleted(chat.page, `${threeWords} four`, id)
    await chat.settled()
    expect(await chat.lastReply.innerText()).toBe(`${threeWords} four`)
    expect(await count(chat)).toBe(1)
    // The server of this test does not store it.
    await chat.page.reload()
    await more(chat).waitFor()
    expect(await count(chat)).toBe(0)
  })

  test('a request that is withdrawn leaves the reply as it was, also after a reload', async () => {
    const chat = await visitCutOff(scriptStreams)
    await press(chat)
    await chat.page.getByRole('button', { name: 'Stop' }).click()
    await more(chat).waitFor()
    await chat.lastNote.getByText(cutOff).waitFor()
    expect(await chat.lastReply.innerText()).toBe(threeWords)
    await chat.page.reload()
    await more(chat).waitFor()
    expect(await count(chat)).toBe(0)
  })

  test('a refused request leaves the reply as it was and tells the reason, and nothing goes to the input', async () => {
    const chat = await visitCutOff()
    await chat.page.route('**/v1/chat', (route) =>
      route.fulfill({
        status: 429,
        contentType: 'application/problem+json',
        body: JSON.stringify({ status: 429, code: 'daily_limit_reached', title: 'No' }),
      }),
    )
    await more(chat).click()
    await chat.lastNote.getByText(`reached its limit for today. ${cutOff}`).waitFor()
    expect(await chat.lastReply.innerText()).toBe(threeWords)
    expect(await chat.input.inputValue()).toBe('')
    await more(chat).waitFor()
  })

  test('new text that could not be saved can be asked for again', async () => {
    const chat = await visitCutOff(scriptStreams)
    const id = await press(chat)
    await sendStarted(chat.page, { reply: id })
    await sendText(chat.page, ' four', threeWords)
    await expectText(chat, 'four')
    const failure = { code: 'not_saved', title: 'Not saved', retryable: true }
    await sendEvent(chat.page, 'turn.failed', failure)
    await chat.retry.click()
    await expect.poll(() => count(chat), patience).toBe(2)
    expect((await lastRequest(chat))?.body).toMatchObject({ continue: id })
  })

  test('a new chat drops the request, and does not put its message into the input', async () => {
    const chat = await visitCutOff(scriptStreams)
    await press(chat)
    await chat.page.getByRole('button', { name: 'New chat' }).click()
    await chat.messages.first().waitFor({ state: 'detached' })
    expect(await chat.input.inputValue()).toBe('')
    await chat.page.reload()
    await chat.input.waitFor()
    expect(await count(chat)).toBe(0)
  })

  test('without the network it waits, and goes on when the network is back', async () => {
    const chat = await visitCutOff()
    await chat.page.route('**/v1/chat', (route) => route.abort('internetdisconnected'))
    await more(chat).click()
    await chat.lastNote.getByText('The connection was lost').waitFor()
    expect(await chat.lastReply.innerText()).toBe(threeWords)
    await chat.page.unroute('**/v1/chat')
    await chat.page.evaluate(() => dispatchEvent(new Event('online')))
    await expectText(chat, tenWords)
  })
})
