import { createElement, forwardRef, useEffect, useImperativeHandle, useRef } from 'react'
import type { ChatbotWidgetElement } from '../widget-types.ts'
import type { ChatbotWidget as Component } from './component-types.ts'

const eventProps = {
  open: 'onOpen',
  close: 'onClose',
  message: 'onMessage',
  'reply-start': 'onReplyStart',
  'reply-end': 'onReplyEnd',
  error: 'onError',
  'session-change': 'onSessionChange',
} as const

/**
 * The chat widget as a React component (18 or 19). It is one file that needs nothing but `react`:
 * import it, or copy `/ChatbotWidget.js` of the Worker, with `/ChatbotWidget.d.ts` and
 * `/widget.d.ts` for its types. On a server it renders an empty element; the widget's script is
 * loaded in the browser, once, however often the component is mounted. Its ref is the element.
 *
 * @example
 * ```tsx
 * <ChatbotWidget server="https://chat.example.com" title="Ask us" onReplyEnd={count} />
 * ```
 */
export const ChatbotWidget: typeof Component = forwardRef(function ChatbotWidget(props, ref) {
  const { server, words, suggestions, userToken } = props
  const element = useRef<ChatbotWidgetElement>(null)
  const latest = useRef(props)
  useImperativeHandle(ref, () => element.current!)
  useEffect(() => {
    latest.current = props
  })

  useEffect(() => {
    const script = `${server.replace(/\/+$/, '')}/widget.js`
    // A page without its chat is still a page.
    import(/* webpackIgnore: true */ /* @vite-ignore */ script).catch(console.error)
  }, [server])

  // Another function or table at each render is still the same user and the same words.
  const isSignedIn = userToken !== undefined
  useEffect(() => {
    element.current!.userToken = isSignedIn ? () => latest.current.userToken?.() : undefined
  }, [isSignedIn])
  const wordList = JSON.stringify(words ?? {})
  useEffect(() => {
    element.current!.words = JSON.parse(wordList)
  }, [wordList])

  useEffect(() => {
    const mounted = new AbortController()
    for (const [type, prop] of Object.entries(eventProps)) {
      const tell = (event: Event) => latest.current[prop]?.(event as never)
      element.current!.addEventListener(type, tell, { signal: mounted.signal })
    }
    return () => mounted.abort()
  }, [])

  const attributes: Record<string, unknown> = { ref: element }
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'string') attributes[name] = value
    else if (value === true) attributes[name] = ''
  }
  if (suggestions) attributes['suggestions'] = JSON.stringify(suggestions)
  return createElement('chatbot-widget', attributes)
})

export default ChatbotWidget
