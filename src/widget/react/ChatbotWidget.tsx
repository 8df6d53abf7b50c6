import { createElement, useEffect } from 'react'

export type ChatbotWidgetProps = {
  /** Base URL of the Worker, which also serves the widget itself, at `/widget.js`. */
  server: string
  title?: string
  greeting?: string
  placeholder?: string
  /** Open at first; afterwards the visitor decides. */
  open?: boolean
}

/**
 * The chat widget as a React component. It is one file that needs nothing but `react` (18 or 19):
 * import it, or copy it (`/ChatbotWidget.js` of the Worker is the same as plain JavaScript, good
 * as a `.js` or `.jsx` file). On a server it renders an empty element; the widget's script is
 * loaded in the browser, once, however often the component is mounted.
 *
 * @example In a page
 * ```tsx
 * <ChatbotWidget server="https://chat.example.com" title="Ask us" />
 * ```
 *
 * @example In Docusaurus, on every page and kept while the reader moves on: `src/theme/Root.js`
 * ```jsx
 * import { ChatbotWidget } from '../components/ChatbotWidget'
 *
 * export default function Root({ children }) {
 *   return <>{children}<ChatbotWidget server="https://chat.example.com" /></>
 * }
 * ```
 *
 * @example In Docusaurus where `Root` is taken: a client module, without React
 * ```js
 * // docusaurus.config.js: clientModules: ['./src/chatbot.js']
 * // src/chatbot.js:
 * if (typeof window !== 'undefined') {
 *   const server = 'https://chat.example.com'
 *   import(/* webpackIgnore: true *\/ `${server}/widget.js`).then(() => {
 *     const widget = document.createElement('chatbot-widget')
 *     widget.setAttribute('server', server)
 *     document.body.append(widget)
 *   })
 * }
 * ```
 */
export function ChatbotWidget({ server, open = false, ...texts }: ChatbotWidgetProps) {
  useEffect(() => {
    const script = `${server.replace(/\/+$/, '')}/widget.js`
    // A page without its chat is still a page.
    import(/* webpackIgnore: true */ /* @vite-ignore */ script).catch(console.error)
  }, [server])
  return createElement('chatbot-widget', { ...texts, server, ...(open && { open: '' }) })
}
