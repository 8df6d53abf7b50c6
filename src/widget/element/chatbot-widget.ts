import type { ChatbotWidgetElement, Emit, UserTokenProvider } from '../widget-types.ts'
import type { findTranslation } from '../words/languages.ts'
import { english, type Words } from '../words/words.ts'
import { followPage, translationOf } from './follow-page.ts'
import { loadUserKey } from './load-user-key.ts'
import { mountChat, type MountedChat } from './mounted-chat.ts'
import { serverUrl } from './server-url.ts'
import { WidgetProperties } from './widget-properties.ts'

/**
 * `<chatbot-widget>`: a button that opens the chat. Its interface is described in `widget-types.ts`. All attributes are
 * optional and may change at any time.
 *
 * The stored conversation is read when the chat is first opened, so a page view alone does not wake the database.
 * Without a DOM, as on a server that renders, the class can be imported but not used.
 */
export class ChatbotWidget
  extends WidgetProperties
  implements Omit<ChatbotWidgetElement, keyof HTMLElement>
{
  #words: Partial<Words> = {}
  #userToken: UserTokenProvider | undefined
  #chat: MountedChat | undefined
  /** Resolves when the latest mount has finished. */
  #mounted: Promise<void> | undefined
  #mounts = 0
  /** The page set `open` while the chat was still being mounted: the event follows the mount. */
  #missedOpen = false
  /** The translation of the latest mount; undefined for English. */
  #translate: ReturnType<typeof findTranslation>
  /** Ends the listeners on the page. */
  #stay: AbortController | undefined
  /** The element that had the focus before the chat was opened. */
  #returnFocus: HTMLElement | undefined

  connectedCallback(): void {
    // The element was moved, and everything in it goes on.
    if (this.#stay) {
      this.#apply()
      this.#chat?.resume()
      return
    }
    this.takeUpProperties()
    this.#stay = new AbortController()
    followPage(() => this.#fitPage(), this.#stay.signal)
    this.#remount()
  }

  disconnectedCallback(): void {
    // The page may be moving the element, so look again after the present task.
    setTimeout(() => {
      if (this.isConnected) return
      this.#stay?.abort()
      this.#stay = undefined
      this.#unmount()
    })
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after) return
    if (name === 'lang' || name === 'server' || name === 'name') this.#remount()
    else if (name === 'theme') this.#fitPage()
    else if (name !== 'open') this.#apply()
    else if ((before === null) !== (after === null)) this.#changeOpen(after !== null)
  }

  get words(): Partial<Words> {
    return this.#words
  }
  set words(words: Partial<Words>) {
    if (JSON.stringify(words) === JSON.stringify(this.#words)) return
    this.#words = words
    this.#remount()
  }

  get userToken(): UserTokenProvider | undefined {
    return this.#userToken
  }
  set userToken(provider: UserTokenProvider | undefined) {
    if (provider !== this.#userToken) this.setToken(provider)
  }

  setToken(token: string | UserTokenProvider | undefined): void {
    this.#userToken = typeof token === 'string' ? () => token : token
    this.#remount()
  }

  async send(text: string, options?: { contextText?: string }): Promise<void> {
    const chat = await this.#settle()
    await chat.restore()
    // The user or the language has changed in the meantime: send in the new chat.
    if (chat !== this.#chat) return this.send(text, options)
    await (await chat.loadConversation()).send(text, options)
  }

  async newSession(): Promise<void> {
    const { loadConversation } = await this.#settle()
    ;(await loadConversation()).newSession()
  }

  async claim(): Promise<void> {
    await (await this.#settle()).claim()
  }

  async setSession(sessionId: string | undefined): Promise<void> {
    const { loadConversation } = await this.#settle()
    await (await loadConversation()).setSession(sessionId)
  }

  async #settle(): Promise<MountedChat> {
    for (let mounted; mounted !== this.#mounted; await mounted) mounted = this.#mounted
    if (!this.#chat || !this.isConnected) throw new Error('This chatbot-widget is not on a page')
    return this.#chat
  }

  #remount(): void {
    if (this.#stay) this.#mounted = this.#mount()
  }

  /** Removes the present chat at once, because it may belong to another user, then loads what the next one needs. */
  async #mount(): Promise<void> {
    const hadFocus = document.activeElement === this
    this.#unmount()
    const mount = this.#mounts
    this.#translate = translationOf(this)
    const translation = this.#translate && (await this.#translate().catch(() => undefined))
    const provider = this.#userToken
    const user = provider && (await loadUserKey(provider))
    if (mount !== this.#mounts) return
    this.#chat = mountChat({
      root: this.shadowRoot ?? this.attachShadow({ mode: 'open' }),
      server: serverUrl(this.server),
      name: this.name,
      user,
      userToken: user ? provider : undefined,
      words: { ...english, ...translation?.words, ...this.#words },
      isTranslated: translation !== undefined,
      emit: this.#emit,
      toggle: () => this.toggleAttribute('open'),
      close: () => this.close(),
    })
    // The widget's own language may have another direction than the page.
    if (!this.dir && this.lang.startsWith('ar')) this.#chat.panel.node.dir = 'rtl'
    this.#apply()
    if (this.#missedOpen) this.#changeOpen(true)
    else if (hadFocus) this.#focusChat()
  }

  #unmount(): void {
    this.#mounts++
    this.#chat?.unmount()
    this.#chat = undefined
  }

  #apply(): void {
    if (!this.#chat || !this.isConnected) return
    const { title, placeholder, suggestions } = this
    const greeting = this.getAttribute('greeting')
    this.#chat.setTexts({ title, greeting, placeholder, suggestions })
    this.#chat.panel.askPlace.setEnabled(this.selection !== 'off')
    this.#chat.setInline(this.inline)
    const isOpen = this.inline || this.hasAttribute('open')
    this.#chat.panel.setOpen(isOpen)
    if (isOpen) void this.#chat.restore()
    this.#fitPage()
  }

  #fitPage(): void {
    if (!this.isConnected) return
    if (this.#translate !== translationOf(this)) this.#remount()
    else this.#chat?.fitPage(this.theme)
  }

  #changeOpen(isOpen: boolean): void {
    const active = document.activeElement
    const hadFocus = active === this
    if (isOpen && !hadFocus && active instanceof HTMLElement) this.#returnFocus = active
    this.#apply()
    if (isOpen) this.#chat?.panel.focus()
    else if (hadFocus) this.#giveFocusBack()
    this.#missedOpen = isOpen && this.#stay !== undefined && !this.#chat
    if (this.#chat) this.#emit(isOpen ? 'open' : 'close', null)
  }

  #focusChat(): void {
    if (this.hasAttribute('open') || this.inline) this.#chat?.panel.focus()
    else this.#chat?.panel.launcher.focus()
  }

  #giveFocusBack(): void {
    const before = this.#returnFocus
    this.#returnFocus = undefined
    if (before?.isConnected && before !== document.body) before.focus()
    else this.#chat?.panel.launcher.focus()
  }

  readonly #emit: Emit = (type, detail) => {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
