import { networkFailure } from '../client/chat-failure.ts'
import { createSiteStore } from '../client/site-store.ts'
import type { Conversation } from '../conversation/conversation.ts'
import { createDraft, type Draft } from '../conversation/draft.ts'
import { panelStyles } from '../panel/panel-styles.ts'
import { createPanel, type Panel, type PanelActions } from '../panel/panel.ts'
import type { Emit, UserTokenProvider } from '../widget-types.ts'
import { explain } from '../words/explain.ts'
import type { Words } from '../words/words.ts'
import { readCovered, readTheme } from './follow-page.ts'
import styles from './widget.css'

/** The chat of one user with one server, in one language, on the page. */
export interface MountedChat {
  readonly panel: Panel
  /** What talks to the server: loaded when it is first asked for. Rejects where it can't be. */
  converse: () => Promise<Conversation>
  readonly words: Words
  /** Shows what is stored; it is read once, however often it is asked for. Never rejects. */
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

export interface MountedChatOptions {
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

/** How long it is waited, where nobody says that the network is back. */
const retryMs = 4000

let sheet: CSSStyleSheet | undefined

export function mountChat(options: MountedChatOptions): MountedChat {
  const { root, server, name, userToken, words, emit, toggle, close } = options
  if (!sheet) {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(styles + panelStyles)
  }
  root.adoptedStyleSheets = [sheet]
  const store = createSiteStore(server, name)
  const panel = createPanel({ words, toggle, close, ready: converse })
  const { node, log, composer, askButton } = panel
  const draft = createDraft(store, composer)
  const lifetime = new AbortController()
  let conversation: Promise<Conversation> | undefined
  let restored: Promise<void> | undefined
  panel.connect(onceLoaded(converse, draft))
  askButton.watch(lifetime.signal)
  composer.setBusy('loading')
  // Who comes near the button will press it.
  panel.launcher.addEventListener('pointerenter', () => {
    if (navigator.onLine) void converse().catch(() => {})
  })

  async function load(): Promise<Conversation> {
    const { createConversation } = await import('../conversation/conversation.ts')
    lifetime.signal.throwIfAborted()
    const loaded = createConversation({ server, store, userToken, panel, words, emit, draft })
    panel.connect(loaded.actions)
    return loaded
  }

  async function converse(): Promise<Conversation> {
    try {
      const loaded = await (conversation ??= load())
      lifetime.signal.throwIfAborted()
      return loaded
    } catch (error) {
      conversation = undefined
      throw error
    }
  }

  /** Waits for the network as long as it takes. */
  async function restore(): Promise<void> {
    log.setNotice(words.loading)
    while (!lifetime.signal.aborted) {
      try {
        return await (await converse()).restore()
      } catch {
        log.setNotice(explain(words, networkFailure()))
        await new Promise((resolve) => {
          setTimeout(resolve, retryMs)
          addEventListener('online', resolve, { once: true, signal: lifetime.signal })
        })
      }
    }
  }

  root.append(node)

  return {
    panel,
    words,
    converse,
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
      node.querySelector('.panel')?.setAttribute('role', isInline ? 'region' : 'dialog')
      node.popover = isInline ? null : 'manual'
      // Browsers of before 2024 have z-index.
      if (!isInline) node.togglePopover?.(true)
    },
    unmount() {
      lifetime.abort()
      void conversation?.then(({ stop }) => stop()).catch(() => {})
      node.remove()
    },
  }
}

/** Actions that wait for what does them; only what is typed is kept at once. */
function onceLoaded(converse: () => Promise<Conversation>, draft: Draft): PanelActions {
  const actions = { change: draft.save } as PanelActions
  return new Proxy(actions, {
    get: (target, name: keyof PanelActions) =>
      target[name] ??
      (async (...args: never[]) => {
        const { actions: loaded } = await converse()
        const action = loaded[name] as (...args: never[]) => unknown
        return action(...args)
      }),
  })
}
