import { createChatClient } from './chat-client.ts'
import { createConversation, type Conversation } from './conversation.ts'
import { createPanel, type Panel } from './panel.ts'
import { createSiteStore } from './site-store.ts'
import styles from './widget.css'
import { words } from './words.ts'

let sheet: CSSStyleSheet | undefined

/**
 * `<chatbot-widget>`: a button that opens a chat which remembers. Attributes, all optional and all
 * live: `server` (base URL of the Worker; by default where this script came from), `title`,
 * `greeting`, `placeholder`, `open`.
 *
 * The stored conversation is read when the chat is first opened, so that a page view alone wakes
 * no database. Without a DOM (Node, a server that renders) the class can be imported, not used.
 */
export class ChatbotWidget extends (globalThis.HTMLElement ?? Object) {
  static readonly observedAttributes = ['server', 'title', 'greeting', 'placeholder', 'open']

  #panel: Panel | undefined
  #conversation: Conversation | undefined
  #isRestored = false
  /** Where the focus was before the chat took it. */
  #returnFocus: HTMLElement | undefined

  connectedCallback(): void {
    this.#panel ??= this.#createPanel()
    this.#applyTexts()
    this.#start()
    this.#applyOpen()
  }

  disconnectedCallback(): void {
    this.#conversation?.stop()
    this.#conversation = undefined
    this.#panel?.log.clear()
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (!this.#conversation || before === after) return
    if (name === 'server') {
      this.#conversation.stop()
      this.#panel?.log.clear()
      this.#start()
      this.#applyOpen()
    } else if (name === 'open') {
      const isOpen = after !== null
      if (isOpen === (before !== null)) return
      const active = document.activeElement
      const hadFocus = active === this
      if (isOpen && !hadFocus && active instanceof HTMLElement) this.#returnFocus = active
      this.#applyOpen()
      if (isOpen) this.#panel?.focus()
      else if (hadFocus) this.#giveFocusBack()
    } else this.#applyTexts()
  }

  #createPanel(): Panel {
    const root = this.attachShadow({ mode: 'open' })
    if (!sheet) {
      sheet = new CSSStyleSheet()
      sheet.replaceSync(styles)
    }
    root.adoptedStyleSheets = [sheet]
    const store = () => createSiteStore(this.#server())
    const panel = createPanel({
      toggle: () => this.toggleAttribute('open'),
      close: () => this.removeAttribute('open'),
      newChat: () => this.#conversation?.newChat(),
      send: (text) => void this.#conversation?.send(text),
      change: (text) => store().set('draft', text === '' ? undefined : text),
    })
    root.append(panel.node)
    return panel
  }

  /** Begins to talk to the server that the attributes name. */
  #start(): void {
    const panel = this.#panel!
    const server = this.#server()
    const store = createSiteStore(server)
    this.#conversation = createConversation({
      client: createChatClient({ server, store }),
      store,
      panel,
    })
    this.#isRestored = false
    panel.composer.setText(store.get('draft') ?? '')
    panel.composer.setBusy(false)
  }

  #applyOpen(): void {
    const isOpen = this.hasAttribute('open')
    this.#panel?.setOpen(isOpen)
    if (!isOpen || this.#isRestored) return
    this.#isRestored = true
    void this.#conversation?.restore()
  }

  #applyTexts(): void {
    const panel = this.#panel!
    panel.setTitle(this.getAttribute('title') ?? words.title)
    panel.log.setGreeting(this.getAttribute('greeting') ?? words.greeting)
    panel.composer.setPlaceholder(this.getAttribute('placeholder') ?? words.placeholder)
  }

  #giveFocusBack(): void {
    const before = this.#returnFocus
    this.#returnFocus = undefined
    if (before?.isConnected && before !== document.body) before.focus()
    else this.#panel?.launcher.focus()
  }

  #server(): string {
    const named = this.getAttribute('server')
    return new URL(named ?? scriptOrigin() ?? '/', location.href).href.replace(/\/+$/, '')
  }
}

/** Where this script came from, where that is a server. */
function scriptOrigin(): string | undefined {
  const { protocol, origin } = new URL(import.meta.url)
  return protocol === 'https:' || protocol === 'http:' ? origin : undefined
}
