import { createSiteStore } from '../client/site-store.ts'
import type { Conversation } from '../conversation/conversation.ts'
import { createDraft, type Draft } from '../conversation/draft.ts'
import { panelStyles } from '../panel/panel-styles.ts'
import { createPanel, type Panel, type PanelActions } from '../panel/panel.ts'
import type { Emit, UserTokenProvider } from '../widget-types.ts'
import type { PanelWords, Words } from '../words/words.ts'
import { readCovered, readTheme } from './follow-page.ts'
import styles from './widget.css'

/** The chat on the page, for one user, one server and one language. */
export interface MountedChat {
  readonly panel: Panel
  /** The conversation, loaded on the first call. Rejects if it cannot be loaded. */
  loadConversation: () => Promise<Conversation>
  /** Shows the stored conversation. Further calls do nothing. Never rejects. */
  restore: () => Promise<void>
  /** Empty texts stand for the defaults. Only `greeting: ''` shows nothing. */
  setTexts: (texts: {
    title: string
    greeting: string | null
    placeholder: string
    suggestions: readonly string[]
  }) => void
  /** Applies the theme, else the page's, and keeps clear of an on-screen keyboard. */
  fitPage: (theme: string) => void
  /** Inline: in the page's layout. Otherwise above the page, in the top layer. */
  setInline: (isInline: boolean) => void
  /** Gives what the visitor of this browser has written to the signed-in user. */
  claim: () => Promise<void>
  /** To be called after the element was moved. Gives the focus back to the part that had it. */
  resume: () => void
  unmount: () => void
}

export interface MountedChatOptions {
  root: ShadowRoot
  server: string
  /** Separates the entries of several widgets in this browser's store. */
  name: string
  /** Separates the entries of a signed-in user from the visitor's and other users'. */
  user: string | undefined
  userToken: UserTokenProvider | undefined
  words: PanelWords
  /** `words` has all texts. Otherwise the English ones of a conversation are loaded with it. */
  isTranslated: boolean
  emit: Emit
  toggle: () => void
  close: () => void
}

/** The pause before the next attempt to load the conversation, unless the browser reports the network earlier. */
const retryMs = 4_000

let sheet: CSSStyleSheet | undefined

export function mountChat(options: MountedChatOptions): MountedChat {
  const { root, server, name, user, userToken, words, isTranslated, emit, toggle, close } = options
  if (!sheet) {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(styles + panelStyles)
  }
  root.adoptedStyleSheets = [sheet]
  const visitor = createSiteStore(server, name)
  const store = createSiteStore(server, [name, user].filter(Boolean).join(' '))
  const panel = createPanel({ words, toggle, close, ready: loadConversation })
  const { node, log, composer } = panel
  const draft = createDraft(store, composer)
  const lifetime = new AbortController()
  let conversation: Promise<Conversation> | undefined
  let restored: Promise<void> | undefined
  panel.connect(onceLoaded(loadConversation, draft))
  panel.askPlace.watch(lifetime.signal)
  composer.setBusy('loading')
  // A pointer over the button usually means a click: load ahead.
  panel.launcher.addEventListener('pointerenter', () => {
    if (navigator.onLine) void loadConversation().catch(() => {})
  })

  async function importConversation(): Promise<Conversation> {
    const [{ createConversation }, later] = await Promise.all([
      import('../conversation/conversation.ts'),
      isTranslated ? undefined : import('../words/english-later.ts'),
    ])
    lifetime.signal.throwIfAborted()
    const allWords = { ...later?.englishLater, ...words } as Words
    const parts = { server, store, userToken, panel, words: allWords, emit, draft }
    const loaded = createConversation(parts)
    panel.connect(loaded.actions)
    return loaded
  }

  async function loadConversation(): Promise<Conversation> {
    try {
      const loaded = await (conversation ??= importConversation())
      lifetime.signal.throwIfAborted()
      return loaded
    } catch (error) {
      conversation = undefined
      throw error
    }
  }

  /** Tries again until the network is back. */
  async function restore(): Promise<void> {
    log.setNotice(words.loading)
    while (!lifetime.signal.aborted) {
      try {
        return await (await loadConversation()).restore()
      } catch {
        log.setNotice(words.network)
        await new Promise((resolve) => {
          setTimeout(resolve, retryMs)
          addEventListener('online', resolve, { once: true, signal: lifetime.signal })
        })
      }
    }
  }

  let focused: EventTarget | null | undefined
  node.addEventListener('focusin', ({ target }) => (focused = target))
  // Chromium reports the loss of the focus also if the element is removed. Then it is not connected a moment later.
  node.addEventListener('focusout', () =>
    queueMicrotask(() => {
      if (node.isConnected && !root.activeElement) focused = undefined
    }),
  )

  async function claim(): Promise<void> {
    if (!user) throw new Error('Nobody is signed in')
    visitor.set('claim', user)
    await (await loadConversation()).claim(visitor)
  }

  root.append(node)
  // A claim that was not finished goes on.
  if (user && visitor.get('claim') === user) void claim().catch(() => {})

  return {
    panel,
    claim,
    loadConversation,
    restore: () => (restored ??= restore()),
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
      panel.dialog.role = isInline ? 'region' : 'dialog'
      node.popover = isInline ? null : 'manual'
      // Older browsers lack popovers: z-index serves them.
      if (!isInline) node.togglePopover?.(true)
    },
    resume() {
      // Its entrance is its only animation.
      panel.dialog.getAnimations()[0]?.finish()
      const isFree = document.activeElement === document.body
      if (isFree && focused instanceof HTMLElement) focused.focus({ preventScroll: true })
    },
    unmount() {
      lifetime.abort()
      void conversation?.then(({ stop }) => stop()).catch(() => {})
      node.remove()
    },
  }
}

/** The panel's actions until the conversation is loaded. Each of them loads it, except `change`: it saves the draft. */
function onceLoaded(loadConversation: () => Promise<Conversation>, draft: Draft): PanelActions {
  const actions = { change: draft.save } as PanelActions
  return new Proxy(actions, {
    get: (target, name: keyof PanelActions) =>
      target[name] ??
      (async (...args: never[]) => {
        const { actions: loaded } = await loadConversation()
        const action: (...args: never[]) => unknown = loaded[name]
        return action(...args)
      }),
  })
}
