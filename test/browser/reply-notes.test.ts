import { expect, test } from 'vitest'
import { testDatabase } from '../rigs/conversation.ts'
import { storedMessages } from '../rigs/page-api.ts'
import { type Chat, expectText, patience, reply, setUpSite, tenWords } from '../rigs/visit-page.ts'

const site = setUpSite({ vars: { MAX_COMPLETION_TOKENS: '12' } })

const thinking = 'Thinking…'
const cutAtLimit = 'This reply was cut at its length limit.'
const filtered = 'The provider’s content filter ended this reply.'

/** Sends two `turn.thinking` events and an unknown one after the first event of each stream. */
function addThinking(): void {
  const { fetch } = globalThis
  globalThis.fetch = async (...args) => {
    const response = await fetch(...args)
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response
    let isFirst = true
    const insert = new TransformStream<Uint8Array, Uint8Array>({
      transform(bytes, controller) {
        controller.enqueue(bytes)
        if (!isFirst) return
        isFirst = false
        const thought = 'event: turn.thinking\ndata: {}\n\n'
        const unknown = 'event: turn.dreaming\ndata: of sheep\n\n'
        controller.enqueue(new TextEncoder().encode(thought + unknown + thought))
      },
    })
    return new Response(response.body?.pipeThrough(insert), response)
  }
}

/** Everything that screen readers announce from now on. */
function listen({ page }: Chat) {
  return page.evaluateHandle(() => {
    const status = document
      .querySelector('chatbot-widget')
      ?.shadowRoot?.querySelector('[role=status]')
    const heard: string[] = []
    const observer = new MutationObserver(() => {
      if (status?.textContent) heard.push(status.textContent)
    })
    if (status) observer.observe(status, { childList: true, subtree: true, characterData: true })
    return heard
  })
}

test('while the model thinks, the widget says so until the first text, and announces it once', async () => {
  const chat = await site.visit({ init: addThinking })
  const heard = await listen(chat)
  await chat.say(`${reply('Here I am')} [[fault slow-first ms=1500]]`)
  await chat.lastNote.getByText(thinking).waitFor()
  expect(await chat.lastReply.innerText()).toBe('')
  await expectText(chat, 'Here')
  await chat.settled()
  expect(await chat.lastNote.isHidden()).toBe(true)
  await expect.poll(() => heard.jsonValue(), patience).toEqual([thinking, 'Here I am'])
})

test('while the model thinks about another reply, the old one stays below “Thinking…”', async () => {
  const chat = await site.visit({ init: addThinking })
  await chat.say(`${reply('Here I am')} [[fault slow-first ms=1500]]`)
  await expectText(chat, 'Here I am')
  await chat.settled()
  await chat.page.getByRole('button', { name: 'Another reply' }).click()
  await chat.lastNote.getByText(thinking).waitFor()
  expect(await chat.lastReply.innerText()).toBe('Here I am')
  await chat.lastNote.waitFor({ state: 'hidden' })
  await chat.settled()
  expect(await chat.messages.count()).toBe(2)
})

test('a reply that was cut at its length limit says so, and only that reply, also after a reload', async () => {
  const chat = await site.visit()
  const heard = await listen(chat)
  await chat.say(reply('Short'))
  await expectText(chat, 'Short')
  await chat.settled()
  await chat.say(reply(tenWords.repeat(3)))
  await chat.lastNote.getByText(cutAtLimit).waitFor()
  const shown = await chat.lastReply.innerText()
  await expect.poll(() => heard.jsonValue(), patience).toEqual(['Short', `${shown} ${cutAtLimit}`])
  const notes = () => chat.page.locator('.note:visible').allInnerTexts()
  expect(await notes()).toEqual([`${cutAtLimit} Continue`])
  await chat.page.reload()
  await chat.lastNote.getByText(cutAtLimit).waitFor()
  expect(await notes()).toEqual([`${cutAtLimit} Continue`])
})

test('a reply that the content filter ended says so', async () => {
  const chat = await site.visit()
  await chat.say(reply('Half of'))
  await expectText(chat, 'Half of')
  await chat.settled()
  const [, stored] = await storedMessages(chat)
  await testDatabase()
    .kysely.updateTable('messages')
    .set({ finish_reason: 'content_filter' })
    .where('id', '=', stored!.id)
    .execute()
  await chat.page.reload()
  await chat.lastNote.getByText(filtered).waitFor()
})
