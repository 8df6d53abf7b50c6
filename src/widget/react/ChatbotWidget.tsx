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
 * The chat widget as a React component, for React 18 and 19. It needs nothing but `react`. Sites copy it from the
 * Worker: `/ChatbotWidget.js`, and `/ChatbotWidget.d.ts` with `/widget.d.ts` for its types. On a server it renders an
 * empty element. In the browser it loads the widget's script, once for all its instances. Its ref is the element.
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
    // If the script cannot be loaded, the page works without the chat.
    import(/* webpackIgnore: true */ /* @vite-ignore */ script).catch(console.error)
  }, [server])

  // Parents often pass a new function or object on each render: only a real change reaches the element.
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
      const notify = (event: Event) => latest.current[prop]?.(event as never)
      element.current!.addEventListener(type, notify, { signal: mounted.signal })
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
