/*
 * The public types of `<chatbot-widget>`. The Worker serves this file as `/widget.d.ts`, so it imports nothing.
 */

/** A message of a conversation. */
export interface ChatMessage {
  id: string
  /** Position in the session, from 1. */
  seq: number
  role: 'user' | 'assistant'
  content: string
  status: 'complete' | 'streaming' | 'interrupted' | 'failed' | 'superseded'
  context_text?: string | undefined
  finish_reason?: string | undefined
  usage?: { prompt_tokens: number; completion_tokens: number } | undefined
  feedback?: { rating: 'up' | 'down'; comment?: string | undefined } | undefined
  metadata: Record<string, unknown>
  created_at: string
}

/** The `detail` of each event. */
export interface ChatbotWidgetDetails {
  open: null
  close: null
  /** The visitor has sent a message. */
  message: { message: { id: string; content: string } }
  'reply-start': { session_id: string; reply_id: string }
  /** The stored reply. Its `status` is `complete`, or `interrupted` if only a part of it was kept. */
  'reply-end': { reply: ChatMessage }
  /** A message or a reply failed. `code` is the API's code, `message` is the text that the visitor sees. */
  error: { code: string; message: string; retryable: boolean }
  /** The widget shows another session; `undefined` is a new one without messages. */
  'session-change': { session_id: string | undefined }
}

/**
 * Events are dispatched on the element and do not bubble: pages already listen on the window for the browser's own
 * `message` and `error` events.
 */
export type ChatbotWidgetEventMap = {
  [Type in keyof ChatbotWidgetDetails]: CustomEvent<ChatbotWidgetDetails[Type]>
}

export type Emit = <Type extends keyof ChatbotWidgetDetails>(
  type: Type,
  detail: ChatbotWidgetDetails[Type],
) => void

/** Returns the user's JWT; `undefined` if nobody is signed in. Called whenever a token is needed. */
export type UserTokenProvider = () => string | undefined | Promise<string | undefined>

export interface ChatbotWidgetElement extends HTMLElement {
  /** Base URL of the Worker. Default: the origin of the script. */
  server: string
  /** The text above an empty conversation. Shown without a call to the API. */
  greeting: string
  placeholder: string
  /** Questions that the visitor can send with one click while the conversation is empty. */
  get suggestions(): string[]
  set suggestions(value: readonly string[])
  /** `'off'` hides the "Ask about this" button beside selected text. */
  selection: string
  /** `'light'` or `'dark'`. Any other value follows `html[data-theme]`, then the system. */
  theme: string
  /** Puts the chat into the page's layout, in the element's own box, instead of above the page. */
  inline: boolean
  /** Adds a tool to each reply that shows what the model was sent for it. */
  receipts: boolean
  /** Separates the conversations of several widgets that use one server. */
  name: string
  /** Replaces texts of the widget. The names are those in the files of `src/widget/words/` of neon-chat-history. */
  words: Partial<Record<string, string>>
  /** If set, the visitor is the user that this token names. */
  userToken: UserTokenProvider | undefined

  /** Opens the chat. The state is the attribute `open`; an assignment to this property sets that attribute. */
  get open(): () => void
  set open(value: boolean | string | null | undefined)
  close(): void
  /** Sends a message. Resolves when the reply has ended, also when it failed. */
  send(text: string, options?: { contextText?: string }): Promise<void>
  /** Shows an empty conversation. The next message creates its session. */
  newSession(): Promise<void>
  /** Shows another session of the same user; `undefined` does what `newSession` does. */
  setSession(sessionId: string | undefined): Promise<void>
  /** Changes the user, by a token or a provider of tokens; `undefined` is a visitor without a login. */
  setToken(token: string | UserTokenProvider | undefined): void
  /** Gives the conversations of this browser's visitor to the signed-in user. Resolves when it is done. */
  claim(): Promise<void>

  addEventListener<Type extends keyof ChatbotWidgetEventMap>(
    type: Type,
    listener: (this: ChatbotWidgetElement, event: ChatbotWidgetEventMap[Type]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void
  removeEventListener<Type extends keyof ChatbotWidgetEventMap>(
    type: Type,
    listener: (this: ChatbotWidgetElement, event: ChatbotWidgetEventMap[Type]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void
}

/** The props of the React component. */
export interface ChatbotWidgetProps {
  /** Base URL of the Worker. The component loads the widget from its `/widget.js`. */
  server: string
  name?: string
  title?: string
  greeting?: string
  placeholder?: string
  suggestions?: readonly string[]
  selection?: 'off'
  lang?: string
  dir?: 'ltr' | 'rtl'
  theme?: 'light' | 'dark' | 'auto'
  inline?: boolean
  receipts?: boolean
  /** Sets the attribute `open` on the first render and on each change. In between, the visitor opens and closes. */
  open?: boolean
  id?: string
  words?: Partial<Record<string, string>>
  /** Called whenever a token is needed. To change the user, change the component's `key`. */
  userToken?: UserTokenProvider | undefined
  onOpen?: (event: ChatbotWidgetEventMap['open']) => void
  onClose?: (event: ChatbotWidgetEventMap['close']) => void
  onMessage?: (event: ChatbotWidgetEventMap['message']) => void
  onReplyStart?: (event: ChatbotWidgetEventMap['reply-start']) => void
  onReplyEnd?: (event: ChatbotWidgetEventMap['reply-end']) => void
  onError?: (event: ChatbotWidgetEventMap['error']) => void
  onSessionChange?: (event: ChatbotWidgetEventMap['session-change']) => void
}

declare global {
  interface HTMLElementTagNameMap {
    'chatbot-widget': ChatbotWidgetElement
  }
}
