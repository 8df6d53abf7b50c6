import { describe, expect, test } from 'vitest'
import { xssCorpus } from '../generators/xss-corpus.ts'
import { type Chat, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite()
const corpus = xssCorpus()

/** The only allowed requests: the page's own files and the API. */
const ownPath = /^\/(?:$|(?:page|widget)\.(?:js|css)$|chunks\/[a-z-]+\.js$|v1\/)/

/** The only allowed elements of a message, apart from the copy buttons. */
const allowedTags =
  'p h3 h4 h5 h6 ul ol li blockquote hr pre code table tr th td a strong em del br div span'
const allowedAttributes =
  'href target rel start class dir role aria-label tabindex data-language data-loose data-long'

// Without the page's policy, which proves the widget itself, and with it, which must find nothing to refuse.
const policies = [{ bypassCSP: true }, { bypassCSP: false }]

test('the corpus has more than 200 payloads', () => {
  expect(corpus.length).toBeGreaterThan(200)
})

/** Joins the payloads to texts of at most `maxChars`. */
function pack(maxChars: number): string[] {
  const packed: string[] = []
  for (const payload of corpus) {
    const joined = `${packed.at(-1) ?? ''}\n\n${payload}`.trimStart()
    if (packed.length > 0 && joined.length <= maxChars) packed[packed.length - 1] = joined
    else packed.push(payload)
  }
  return packed
}

/** Finds everything harmful on the page, after giving it time to run. */
async function findHarm(chat: Chat): Promise<string[]> {
  const found = await chat.page.evaluate(async () => {
    // Time for loads and animations to fire their handlers.
    await fetch('/v1/never')
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
    return globalThis.harmNow()
  })
  const paths = chat.requests.map((request) => new URL(request.url()).pathname)
  return [...found, ...paths.filter((path) => !ownPath.test(path))]
}

declare global {
  /** Everything harmful on the page at this moment. */
  var harmNow: () => string[]
}

/** Installs `harmNow` on the page. */
async function watchForHarm(chat: Chat): Promise<void> {
  await chat.page.evaluate(
    ([tags, attributes]) => {
      globalThis.harmNow = () => {
        const root = document.querySelector('chatbot-widget')!.shadowRoot!
        const harm: string[] = []
        const report = (element: Element) => harm.push(element.outerHTML.slice(0, 200))
        if ('hacked' in globalThis) harm.push('code ran')
        const forbidden =
          'script, iframe, object, embed, img, image, video, audio, source, link, meta, base, style, template, form form, use, .widget [style], [src], [srcset], [srcdoc], [background], [ping], [formaction], [action]'
        for (const element of root.querySelectorAll(forbidden)) report(element)
        for (const element of document.querySelectorAll('iframe, object, base, meta[http-equiv]')) {
          report(element)
        }
        for (const element of root.querySelectorAll('*')) {
          const names = element.getAttributeNames()
          if (names.some((name) => name.startsWith('on'))) report(element)
        }
        for (const element of root.querySelectorAll('.body :not(button.tool, button.tool *)')) {
          const names = element.getAttributeNames()
          if (!tags!.split(' ').includes(element.localName)) report(element)
          if (names.some((name) => !attributes!.split(' ').includes(name))) report(element)
        }
        for (const link of root.querySelectorAll('a')) {
          if (!/^(?:https?|mailto|tel|sms):/.test(link.href)) report(link)
          const isElsewhere = link.protocol.startsWith('http') && link.origin !== location.origin
          if (isElsewhere && (link.target !== '_blank' || link.rel !== 'noopener noreferrer'))
            report(link)
        }
        return harm
      }
    },
    [allowedTags, allowedAttributes],
  )
}

/** Sends the texts one after the other with the widget's method, and waits for each reply. */
async function sendAll(chat: Chat, texts: string[]): Promise<void> {
  await chat.page.evaluate(async (all) => {
    for (const text of all) await document.querySelector('chatbot-widget')!.send(text)
  }, texts)
}

describe.each(policies)('nothing runs, loads or links to a forbidden address: %o', (options) => {
  test.each([
    ['visitor', pack(7500)],
    // JSON makes them longer.
    ['model', pack(5000).map((text) => reply(text))],
  ])('from the %s, live and restored', async (_author, texts) => {
    const chat = await site.visit(options)
    await sendAll(chat, texts)
    for (const moment of ['live', 'restored']) {
      await watchForHarm(chat)
      const shown = chat.page.locator('.user .body')
      expect(await shown.evaluateAll((all) => all.map((each) => each.textContent))).toEqual(texts)
      expect(await chat.page.locator('.assistant .body').count()).toBe(texts.length)
      expect(await chat.lastReply.innerText()).not.toBe('')
      expect(await findHarm(chat), moment).toEqual([])
      await chat.page.reload()
      await chat.messages.nth(2 * texts.length - 1).waitFor()
      await chat.settled()
    }
  })

  test('from an error', async () => {
    const chat = await site.visit(options)
    await watchForHarm(chat)
    // The widget shows at most 300 characters of an error.
    const texts = pack(300)
    let failures = 0
    await chat.page.route('**/v1/chat', (route) => {
      const member = failures % 2 === 0 ? 'title' : 'detail'
      const json = { code: 'refused_by_test', [member]: texts[failures++], retryable: false }
      return route.fulfill({ status: 400, contentType: 'application/problem+json', json })
    })
    const seen = await chat.page.evaluate(async (all) => {
      const widget = document.querySelector('chatbot-widget')!
      const notes: { text: string | null | undefined; harm: string[] }[] = []
      const shown = () => widget.shadowRoot!.querySelector('.composer .note')?.textContent
      for (const text of all) {
        await widget.send('Hello')
        for (let tries = 0; shown() !== text && tries < 100; tries++) {
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        notes.push({ text: shown(), harm: globalThis.harmNow() })
      }
      return notes
    }, texts)
    expect(seen.map(({ text }) => text)).toEqual(texts)
    expect(seen.flatMap(({ harm }) => harm)).toEqual([])
    expect(await findHarm(chat)).toEqual([])
  })

  test('from the attributes of the widget', async () => {
    const chat = await site.visit(options)
    await watchForHarm(chat)
    const harm = await chat.page.evaluate((payloads) => {
      const widget = document.querySelector('chatbot-widget')!
      const names = [
        'title',
        'greeting',
        'placeholder',
        'suggestions',
        'theme',
        'name',
        'dir',
        'lang',
      ]
      return payloads.flatMap((payload) => {
        for (const name of names) widget.setAttribute(name, payload)
        return globalThis.harmNow()
      })
    }, corpus)
    expect(harm).toEqual([])
    expect(await findHarm(chat)).toEqual([])
    const last = corpus.at(-1)!
    await chat.page.getByRole('heading', { name: last }).waitFor()
  })

  test('from the texts that a page gives it', async () => {
    const chat = await site.visit(options)
    await watchForHarm(chat)
    const words = ['open', 'close', 'newChat', 'log', 'send', 'placeholder', 'greeting', 'loading']
    for (const payload of pack(2000)) {
      await chat.page.evaluate(
        ([text, names]) => {
          const widget = document.querySelector('chatbot-widget')!
          widget.words = Object.fromEntries(names!.split(' ').map((name) => [name, text!]))
        },
        [payload, words.join(' ')],
      )
      await chat.page.waitForFunction((text) => {
        const log = document
          .querySelector('chatbot-widget')
          ?.shadowRoot?.querySelector('[role=log]')
        return log?.getAttribute('aria-label') === text
      }, payload)
      expect(await findHarm(chat)).toEqual([])
    }
  })
})
