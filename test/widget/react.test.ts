import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { expect, test } from 'vitest'
import { ChatbotWidget } from '../../src/widget/react/ChatbotWidget.tsx'

test('the React component renders on a server, as the element with its attributes', () => {
  const html = renderToString(
    createElement(ChatbotWidget, { server: 'https://chat.example.com', title: 'A "b" <c>' }),
  )
  expect(html).toBe(
    '<chatbot-widget title="A &quot;b&quot; &lt;c&gt;" server="https://chat.example.com"></chatbot-widget>',
  )
})

test('the element can be imported where there is no DOM', async () => {
  expect(globalThis.document).toBeUndefined()
  expect(await import('../../src/widget/widget.ts')).toHaveProperty('ChatbotWidget')
})
