import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { visitHost } from '../rigs/host-page.ts'
import { jwtSecret, signIn } from '../rigs/signed-in-user.ts'
import { type Chat, expectText, patience, reply, setUpSite } from '../rigs/visit-page.ts'

const site = setUpSite({ vars: { AUTH_JWT_SECRET: jwtSecret } })

/** Opens a page whose script is this module, bundled with React. */
async function visitReact(app: string): Promise<Chat> {
  const { outputFiles } = await build({
    stdin: { contents: app, resolveDir: '.', loader: 'tsx' },
    bundle: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"development"' },
  })
  return visitHost(site, {
    body: '<main></main><script type="module" src="/app.js"></script>',
    files: { '/app.js': { contentType: 'text/javascript', body: outputFiles[0]?.text ?? '' } },
  })
}

test('the React component renders on a server and mounts one widget, also in strict mode', async () => {
  const host = `
    import { createElement, StrictMode } from 'react'
    import { createRoot } from 'react-dom/client'
    import { renderToString } from 'react-dom/server'
    import { ChatbotWidget } from './src/widget/react/ChatbotWidget.tsx'
    const app = createElement(StrictMode, null, createElement(ChatbotWidget, {
      server: location.origin + '/', title: 'By React', open: true }))
    globalThis.rendered = renderToString(app)
    globalThis.root = createRoot(document.querySelector('main'))
    root.render(app)`
  const { outputFiles } = await build({
    stdin: { contents: host, resolveDir: '.' },
    bundle: true,
    write: false,
    format: 'esm',
    define: { 'process.env.NODE_ENV': '"development"' },
  })
  const page = await site.browser.newPage()
  site.watch(page, site.worker.url)
  await page.route(`${site.worker.url}/host`, (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: '<!doctype html><title>Host</title><main></main><script type="module" src="/host.js"></script>',
    }),
  )
  await page.route(`${site.worker.url}/host.js`, (route) =>
    route.fulfill({ contentType: 'text/javascript', body: outputFiles[0]?.text ?? '' }),
  )
  await page.goto(`${site.worker.url}/host`)
  await page.getByRole('dialog', { name: 'By React' }).waitFor()
  expect(await page.getByRole('dialog').count()).toBe(1)
  expect(await page.evaluate('rendered')).toBe(
    `<chatbot-widget server="${site.worker.url}/" title="By React" open=""></chatbot-widget>`,
  )
  await page.evaluate('root.unmount()')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
})

test('the React component passes properties and events on, to the functions of the last render', async () => {
  const chat = await visitReact(`
    import { createElement, StrictMode, useRef, useState } from 'react'
    import { createRoot } from 'react-dom/client'
    import ChatbotWidget from './src/widget/react/ChatbotWidget.tsx'
    globalThis.heard = []
    globalThis.renders = 0
    function App() {
      const [count, setCount] = useState(0)
      const [isThere, setThere] = useState(true)
      const widget = useRef(null)
      globalThis.element = () => widget.current
      globalThis.setThere = setThere
      globalThis.setCount = setCount
      globalThis.renders++
      const hear = (event) => heard.push([event.type, count])
      return isThere && <ChatbotWidget ref={widget} server={location.origin} title={'Count ' + count}
        open suggestions={['One?', 'Two?']} words={{ send: 'Go' }} lang="fr" theme="dark"
        onOpen={hear} onMessage={hear} onReplyStart={hear} onReplyEnd={hear} onSessionChange={hear} />
    }
    createRoot(document.querySelector('main')).render(<StrictMode><App /></StrictMode>)`)
  const { page } = chat
  await page
    .getByRole('dialog', { name: 'Count 0' })
    .getByRole('button', { name: 'Two?' })
    .waitFor()
  await page.getByRole('button', { name: 'Go' }).waitFor()
  await page.evaluate('setCount(1)')
  await page.getByRole('dialog', { name: 'Count 1' }).waitFor()
  await page.evaluate(`element().send(${JSON.stringify(reply('Here I am'))})`)
  expect(await page.evaluate('heard')).toEqual([
    ['message', 1],
    ['session-change', 1],
    ['reply-start', 1],
    ['reply-end', 1],
  ])
  await page.evaluate('setThere(false)')
  await chat.dialog.waitFor({ state: 'detached' })
  await page.evaluate('setThere(true)')
  await page.getByRole('dialog', { name: 'Count 1' }).waitFor()
  await expectText(chat, 'Here I am')
  expect(await chat.dialog.count()).toBe(1)
})

test('the React component sends the messages of the signed-in user', async () => {
  const chat = await visitReact(`
    import { createRoot } from 'react-dom/client'
    import ChatbotWidget from './src/widget/react/ChatbotWidget.tsx'
    const root = createRoot(document.querySelector('main'))
    globalThis.render = (token) => root.render(
      <ChatbotWidget key={token ?? ''} server={location.origin} open
        userToken={token && (() => Promise.resolve(token))} />)
    render()`)
  const { page } = chat
  await chat.say(reply('A visitor'))
  await expectText(chat, 'A visitor')
  await chat.settled()
  await page.evaluate(`render(${JSON.stringify(await signIn('dora'))})`)
  await expect.poll(() => chat.messages.count(), patience).toBe(0)
  await chat.say(reply('Signed in'))
  await expectText(chat, 'Signed in')
  await chat.settled()
  await page.evaluate('render()')
  await expectText(chat, 'A visitor')
})
