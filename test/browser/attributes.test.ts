import { expect, test } from 'vitest'
import { byHand, visitHost } from '../rigs/host-page.ts'
import { setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()

test('every attribute can be set on the script element and changed later', async () => {
  const { page, dialog } = await visitHost(site, {
    body: `<script type="module" src="/widget.js" data-title="One" data-greeting="Good day"
      data-placeholder="Your question" data-suggestions="What? | Why?" data-open></script>`,
  })
  await page.getByRole('dialog', { name: 'One' }).waitFor()
  await dialog.getByText('Good day').waitFor()
  await page.getByRole('textbox', { name: 'Your question' }).waitFor()
  await dialog.getByRole('button', { name: 'What?' }).waitFor()
  await dialog.getByRole('button', { name: 'Why?' }).waitFor()

  await page.evaluate(() => {
    const widget = document.querySelector('chatbot-widget')!
    widget.title = 'Two'
    widget.greeting = 'Good evening'
    widget.placeholder = 'Go on'
    widget.suggestions = ['How | where?']
  })
  await page.getByRole('dialog', { name: 'Two' }).waitFor()
  await dialog.getByText('Good evening').waitFor()
  await page.getByRole('textbox', { name: 'Go on' }).waitFor()
  await dialog.getByRole('button', { name: 'How | where?' }).waitFor()
  expect(await dialog.getByRole('button', { name: 'What?' }).count()).toBe(0)

  await page.evaluate(() => document.querySelector('chatbot-widget')!.removeAttribute('title'))
  await page.getByRole('dialog', { name: 'Chat' }).waitFor()
})

test('each attribute and its property always have the same value', async () => {
  const { page } = await visitHost(site, { body: byHand('') })
  const read = await page.evaluate(() => {
    const widget = document.querySelector('chatbot-widget')!
    const empty = { server: widget.server, suggestions: widget.suggestions, inline: widget.inline }
    widget.server = '/there'
    widget.theme = 'dark'
    widget.name = 'second'
    widget.selection = 'off'
    widget.inline = true
    widget.setAttribute('suggestions', '["a", 1, "b|c"]')
    const { server, theme, name, selection, inline } = widget
    const names = ['server', 'theme', 'name', 'selection', 'inline']
    return {
      empty,
      properties: { server, theme, name, selection, inline },
      attributes: names.map((each) => widget.getAttribute(each)),
      suggestions: widget.suggestions,
    }
  })
  expect(read).toEqual({
    empty: { server: '', suggestions: [], inline: false },
    properties: { server: '/there', theme: 'dark', name: 'second', selection: 'off', inline: true },
    attributes: ['/there', 'dark', 'second', 'off', ''],
    suggestions: ['a', 'b|c'],
  })
})

test('a property that is assigned the text of an attribute behaves like the attribute', async () => {
  const { page } = await visitHost(site, { body: byHand('') })
  const read = await page.evaluate(() => {
    const widget = document.querySelector('chatbot-widget')!
    Object.assign(widget, { suggestions: '["a","b"]', inline: '' })
    const { suggestions, inline } = widget
    Object.assign(widget, { suggestions: null, inline: null })
    return { given: { suggestions, inline }, taken: [widget.suggestions, widget.inline] }
  })
  expect(read).toEqual({ given: { suggestions: ['a', 'b'], inline: true }, taken: [[], false] })
})

test('open and close are methods, and an assignment to open sets the attribute', async () => {
  const { page, dialog } = await visitHost(site, { body: byHand('') })
  const call = (what: 'open' | 'close' | boolean | undefined) =>
    page.evaluate((asked) => {
      const widget = document.querySelector('chatbot-widget')!
      if (asked === 'open' || asked === 'close') widget[asked]()
      else widget.open = asked
      return widget.getAttribute('open')
    }, what)
  expect(await call('open')).toBe('')
  await dialog.waitFor()
  expect(await call('close')).toBeNull()
  await dialog.waitFor({ state: 'hidden' })
  expect(await call(true)).toBe('')
  await dialog.waitFor()
  expect(await call(undefined)).toBeNull()
  expect(await call('open')).toBe('')
  await dialog.waitFor()
})

test('properties assigned before the script has loaded take effect', async () => {
  const early = '<script type="module" src="/early.js"></script>'
  const { page } = await visitHost(site, {
    body: byHand('title="Early"').replace('<script', `${early}<script`),
    files: {
      '/early.js': {
        contentType: 'text/javascript',
        body: `const widget = document.querySelector('chatbot-widget')
          widget.greeting = 'I was early'; widget.open = true; widget.words = { send: 'Off it goes' }`,
      },
    },
  })
  await page.getByRole('dialog', { name: 'Early' }).getByText('I was early').waitFor()
  await page.getByRole('button', { name: 'Off it goes' }).waitFor()
})
