import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { byHand, visitHost } from '../rigs/host-page.ts'
import { expectText, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

interface SeenEvent {
  type: string
  detail: unknown
}

/** Records every event of the widget from now on. */
function recordEvents(page: Page) {
  return page.evaluateHandle(() => {
    const seen: SeenEvent[] = []
    const widget = document.querySelector('chatbot-widget')!
    const types = [
      'open',
      'close',
      'message',
      'reply-start',
      'reply-end',
      'error',
      'session-change',
    ]
    for (const type of types) {
      widget.addEventListener(type, (event) => {
        if (event instanceof CustomEvent) seen.push({ type, detail: event.detail })
      })
    }
    return seen
  })
}

test('a turn dispatches its events in order, and only on the element', async () => {
  const { page } = await visitHost(site, { body: byHand('') })
  const seen = await recordEvents(page)
  const seenByPage = await page.evaluateHandle(() => {
    const pageEvents: string[] = []
    for (const type of ['message', 'error', 'open', 'close', 'reply-end']) {
      addEventListener(type, () => pageEvents.push(type))
      document.body.addEventListener(type, () => pageEvents.push(type))
    }
    return pageEvents
  })
  await page.evaluate(async (text) => {
    const widget = document.querySelector('chatbot-widget')!
    widget.open()
    await widget.send(text)
    widget.close()
  }, reply('Here I am'))
  const events = await seen.jsonValue()
  expect(events.map(({ type }) => type)).toEqual([
    'open',
    'message',
    'session-change',
    'reply-start',
    'reply-end',
    'close',
  ])
  const [, message, session, start, end] = events
  const id = expect.stringMatching(/^[\da-f-]{36}$/)
  expect(message?.detail).toEqual({ message: { id, content: reply('Here I am') } })
  expect(session?.detail).toEqual({ session_id: id })
  expect(start?.detail).toEqual({ session_id: id, reply_id: id })
  expect(end?.detail).toMatchObject({
    reply: { role: 'assistant', status: 'complete', content: 'Here I am' },
  })
  expect(await seenByPage.jsonValue()).toEqual([])
})

test('an error event has the code, and the text that the visitor sees', async () => {
  const chat = await visitHost(site, { body: byHand('open') })
  const seen = await recordEvents(chat.page)
  await chat.say(`[[fault status status=500 times=9 id=${crypto.randomUUID()}]]`)
  await chat.retry.waitFor()
  const failures = (await seen.jsonValue()).filter(({ type }) => type === 'error')
  expect(failures.map(({ detail }) => detail)).toEqual([
    {
      code: 'model_unavailable',
      message: 'The assistant cannot be reached just now.',
      retryable: true,
    },
  ])
})

test('newSession and setSession move between the sessions of the user', async () => {
  const chat = await visitHost(site, { body: byHand('open') })
  const { page } = chat
  await chat.say(reply('The first'))
  await expectText(chat, 'The first')
  await chat.settled()
  const seen = await recordEvents(page)
  await page.evaluate(async (text) => {
    const widget = document.querySelector('chatbot-widget')!
    await widget.newSession()
    await widget.send(text)
  }, reply('The second'))
  await expectText(chat, 'The second')
  expect(await chat.messages.count()).toBe(2)
  const [first, second] = chat.turns()
  expect(first).not.toHaveProperty('session_id')
  expect(second).not.toHaveProperty('session_id')

  const sessions = await page.evaluate(async () => {
    const key = Object.keys(localStorage).find((name) => name.endsWith(':token'))!
    const response = await fetch('/v1/sessions', {
      headers: { authorization: `Bearer ${localStorage.getItem(key)}` },
    })
    const { data }: { data: { id: string }[] } = await response.json()
    return data.map(({ id }) => id)
  })
  expect(sessions).toHaveLength(2)
  await page.evaluate((id) => document.querySelector('chatbot-widget')!.setSession(id), sessions[1])
  await expectText(chat, 'The first')
  const changes = (await seen.jsonValue()).filter(({ type }) => type === 'session-change')
  expect(changes.map(({ detail }) => detail)).toEqual([
    { session_id: undefined },
    { session_id: sessions[0] },
    { session_id: sessions[1] },
  ])
  await page.reload()
  await expectText(chat, 'The first')
})

test('the methods of a widget outside the page reject', async () => {
  const { page } = await visitHost(site, { body: byHand('') })
  const refusal = await page.evaluate(() =>
    document
      .createElement('chatbot-widget')
      .send('Hello')
      .catch((error: Error) => error.message),
  )
  expect(refusal).toBe('This chatbot-widget is not on a page')
})
