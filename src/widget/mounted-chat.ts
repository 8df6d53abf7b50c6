import { createChatClient } from './chat-client.ts'
import conversationStyles from './conversation.css'
import { createConversation, type Conversation } from './conversation.ts'
import { readCovered, readTheme } from './follow-page.ts'
import markdownStyles from './markdown.css'
import { createPanel, type Panel } from './panel.ts'
import { createSiteStore } from './site-store.ts'
import styles from './widget.css'
import type { Emit, UserTokenProvider } from './widget-types.ts'
import type { Words } from './words.ts'

/** The chat of one user with one server, in one language, on the page. */
export type MountedChat = {
  readonly panel: Panel
  readonly conversation: Conversation
  readonly words: Words
  /** Shows what is stored; it is read once, however often it is asked for. */
  restore: () => Promise<void>
  /** Empty texts are the widget's own; a greeting may be none. */
  setTexts: (texts: {
    title: string
    greeting: string | null
    placeholder: string
    suggestions: readonly string[]
  }) => void
  /** Looks as the page wants it, where nothing else was asked for. */
  fitPage: (theme: string) => void
  /** In the page, in the box of the element; else over the page, above all that it stacks. */
  setInline: (isInline: boolean) => void
  unmount: () => void
}

export type MountedChatOptions = {
  root: ShadowRoot
  server: string
  /** Tells the stored conversations of one server apart. */
  name: string
  userToken: UserTokenProvider | undefined
  words: Words
  emit: Emit
  toggle: () => void
  close: () => void
}

let sheet: CSSStyleSheet | undefined

export function mountChat(options: MountedChatOptions): MountedChat {
  const { root, server, name, userToken, words, emit, toggle, close } = options
  if (!sheet) {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(styles + conversationStyles + markdownStyles)
  }
  root.adoptedStyleSheets = [sheet]
  const store = createSiteStore(server, name)
  const panel = createPanel({ words, toggle, close })
  const conversation = createConversation({
    client: createChatClient({ server, store, userToken }),
    store,
    panel,
    words,
    emit,
  })
  let restored: Promise<void> | undefined
  const { node, log, composer } = panel
  root.append(node)

  return {
    panel,
    conversation,
    words,
    restore: () => (restored ??= conversation.restore()),
    setTexts({ title, greeting, placeholder, suggestions }) {
      panel.setTitle(title || words.title)
      log.setGreeting(greeting ?? words.greeting)
      log.setSuggestions(suggestions)
      composer.setPlaceholder(placeholder || words.placeholder)
    },
    fitPage(theme) {
      const { above, below } = readCovered()
      node.style.colorScheme = readTheme(theme)
      log.follow(() => {
        node.style.setProperty('--above', `${above}px`)
        node.style.setProperty('--below', `${below}px`)
      })
    },
    setInline(isInline) {
      node.querySelector('.panel')?.setAttribute('role', isInline ? 'region' : 'dialog')
      node.popover = isInline ? null : 'manual'
      // Browsers of before 2024 have z-index.
      if (!isInline) node.togglePopover?.(true)
    },
    unmount() {
      conversation.stop()
      node.remove()
    },
  }
}
