/*
 * The types of `<chatbot-widget>`, for the pages that use it: the Worker serves this file as
 * `/widget.d.ts`. It declares and imports nothing that would have to be there.
 */

/** A message of a conversation. */
export interface ChatMessage {
  id: string
  /** Its place in the session, from 1. */
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

/** What each event tells, as its `detail`. */
export interface ChatbotWidgetDetails {
  /** The chat was opened. */
  open: null
  close: null
  /** The visitor's message is sent. */
  message: { message: { id: string; content: string } }
  'reply-start': { session_id: string; reply_id: string }
  /** The reply is there: `complete`, or `interrupted` with what was kept of it. */
  'reply-end': { reply: ChatMessage }
  /** A message or a reply failed; `code` as in the API, `message` as the visitor reads it. */
  error: { code: string; message: string; retryable: boolean }
  /** The conversation on the screen is another one; `undefined` is one without messages. */
  'session-change': { session_id: string | undefined }
}

/**
 * They are dispatched on the element and do not bubble: at the window, pages listen for a
 * `message` and an `error` of quite another kind.
 */
export type ChatbotWidgetEventMap = {
  [Type in keyof ChatbotWidgetDetails]: CustomEvent<ChatbotWidgetDetails[Type]>
}

export type Emit = <Type extends keyof ChatbotWidgetDetails>(
  type: Type,
  detail: ChatbotWidgetDetails[Type],
) => void

/** The user's JWT, asked for when it is needed; `undefined` where nobody is signed in. */
export type UserTokenProvider = () => string | undefined | Promise<string | undefined>

export interface ChatbotWidgetElement extends HTMLElement {
  /** Base URL of the Worker; by default where the script came from. */
  server: string
  /** The first words of the chat, which cost no call. */
  greeting: string
  placeholder: string
  /** Questions that the visitor can send with a click while the conversation is empty. */
  get suggestions(): string[]
  set suggestions(value: readonly string[])
  /** `'off'`: no "Ask about this" where text of the page is selected. */
  selection: string
  /** `'light'`, `'dark'`, or else as `html[data-theme]` and the system say. */
  theme: string
  /** Stands in the page, in the box that the page gives it, instead of over it. */
  inline: boolean
  /** Tells the conversations of two widgets for one server apart. */
  name: string
  /** One's own words, by their names in English; see the table in the README. */
  words: Partial<Record<string, string>>
  /** With it the visitor is a signed-in user. */
  userToken: UserTokenProvider | undefined

  /** Opens the chat; the state is the attribute `open`, and assigning to this sets that. */
  get open(): () => void
  set open(value: boolean | string | null | undefined)
  close(): void
  /** Sends a message; resolves when its reply has ended, whichever way. */
  send(text: string, options?: { contextText?: string }): Promise<void>
  /** The next message begins a new session. */
  newSession(): Promise<void>
  /** Shows that session of the user; `undefined` is the same as `newSession`. */
  setSession(sessionId: string | undefined): Promise<void>
  /** Another user, by token or provider; `undefined` is a visitor without a login. */
  setToken(token: string | UserTokenProvider | undefined): void

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

/** Of the React component. */
export interface ChatbotWidgetProps {
  /** Base URL of the Worker, which also serves the widget itself, at `/widget.js`. */
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
  /** Open at first, and whenever this changes; in between the visitor decides. */
  open?: boolean
  id?: string
  words?: Partial<Record<string, string>>
  /** Called whenever a token is needed. For another user, another `key` of the component. */
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
