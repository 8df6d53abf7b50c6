import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildWidget } from '../../../../scripts/build-widget.ts'
import { ChatbotWidget } from '../../../../src/widget/react/ChatbotWidget.tsx'

const run = promisify(execFile)
const { resolve } = createRequire(import.meta.url)

/** A folder with the files that the Worker serves, and with the packages of a site. */
let served: string

beforeAll(async () => {
  served = await mkdtemp(join(tmpdir(), 'served-'))
  await buildWidget({ outDir: served })
  await symlink(join(resolve('react/package.json'), '../..'), join(served, 'node_modules'))
  await writeFile(join(served, 'package.json'), '{ "type": "module" }')
})
afterAll(() => rm(served, { recursive: true }))

test('on a server the React component renders the element with its attributes', () => {
  const html = renderToString(
    createElement(ChatbotWidget, {
      server: 'https://chat.example.com',
      title: 'A "b" <c>',
      open: true,
      inline: false,
      suggestions: ['What?'],
      words: { send: 'Go' },
      userToken: () => 'secret',
      onOpen: () => {},
    }),
  )
  expect(html).toBe(
    '<chatbot-widget server="https://chat.example.com" title="A &quot;b&quot; &lt;c&gt;" open="" suggestions="[&quot;What?&quot;]"></chatbot-widget>',
  )
})

test('the served scripts can be imported without a DOM', async () => {
  const script = `
    import assert from 'node:assert'
    import { createElement } from 'react'
    import { renderToString } from 'react-dom/server'
    import * as element from './widget.js'
    import Component, { ChatbotWidget } from './ChatbotWidget.js'
    assert.equal(globalThis.document, undefined)
    assert.equal(typeof element.ChatbotWidget, 'function')
    assert.equal(Component, ChatbotWidget)
    console.log(renderToString(createElement(Component, { server: '/' })))`
  await writeFile(join(served, 'import.js'), script)
  const { stdout } = await run(process.execPath, ['import.js'], { cwd: served })
  expect(stdout.trim()).toBe('<chatbot-widget server="/"></chatbot-widget>')
})

test('the served types compile without the sources of the project', async () => {
  const use = `
    import type { ChatbotWidgetElement, ChatMessage } from './widget.js'
    import Default, { ChatbotWidget } from './ChatbotWidget.js'
    const widget: ChatbotWidgetElement = document.createElement('chatbot-widget')
    widget.open()
    widget.open = true
    widget.suggestions = ['What?'] as const
    widget.userToken = async () => undefined
    widget.setToken('token')
    widget.words = { send: 'Go' }
    const sent: Promise<void> = widget.send('Hello', { contextText: 'Selected' })
    widget.addEventListener('reply-end', (event) => {
      const reply: ChatMessage = event.detail.reply
      const tokens: number | undefined = reply.usage?.prompt_tokens
      // @ts-expect-error this event has no such detail
      event.detail.session_id
    })
    widget.addEventListener('error', ({ detail }) => detail.code.length)
    widget.addEventListener('click', (event) => event.preventDefault())
    export const page = <ChatbotWidget server="/" theme="dark" onError={(event) => event.detail.code}
      onReplyStart={({ detail }) => detail.reply_id.length} ref={(element) => { element?.close() }} />
    // @ts-expect-error a server is needed
    export const none = <Default />
    // @ts-expect-error there is no such theme
    export const pink = <Default server="/" theme="pink" />
    void sent`
  await writeFile(join(served, 'use.tsx'), use)
  const options = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    jsx: 'react-jsx',
    module: 'esnext',
    moduleResolution: 'bundler',
    target: 'es2022',
    lib: ['es2022', 'dom'],
    types: [],
  }
  await writeFile(
    join(served, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['use.tsx'] }),
  )
  const tsc = join(resolve('typescript/package.json'), '../bin/tsc')
  const checked = run(process.execPath, [tsc, '-p', '.'], { cwd: served })
  expect(await checked.catch(({ stdout }: { stdout: string }) => ({ stdout }))).toMatchObject({
    stdout: '',
  })
})
