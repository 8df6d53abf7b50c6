import { button, el, icon } from '../dom/elements.ts'
import { crossIcon } from '../dom/icons.ts'
import type { PanelWords } from '../words/words.ts'
import { type AskPlace, createAskPlace } from './ask-place.ts'
import { type Composer, type ComposerActions, createComposer } from './composer.ts'
import { keepInside } from './keep-inside.ts'
import { createMessageLog, type MessageLog } from './message-log.ts'
import type { MessageActions } from './message-view.ts'
import type { SessionActions } from './session-list.ts'
import { createSessionsView, type SessionsView } from './sessions-view.ts'

export interface Panel {
  readonly node: HTMLElement
  readonly dialog: HTMLElement
  readonly launcher: HTMLButtonElement
  readonly log: MessageLog
  readonly composer: Composer
  readonly sessions: SessionsView
  readonly askPlace: AskPlace
  setTitle: (title: string) => void
  setOpen: (isOpen: boolean) => void
  /** Sets the actions. To be called before the panel is first opened. */
  connect: (actions: PanelActions) => void
  /** Takes the focus. On a touch screen the panel takes it, so that no keyboard covers the conversation. */
  focus: () => void
  /** Announces a text to screen readers. */
  announce: (text: string) => void
}

/** Everything that the visitor can do except open and close. The conversation performs it. */
export interface PanelActions extends ComposerActions, MessageActions, SessionActions {
  newSession: () => void
}

const bubbleIcon =
  'M4 3h16a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2h-8l-5 4v-4H4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zm2 5v2h12V8zm0 4v2h8v-2z'
const listIcon = 'M4 6h16v2H4zm0 5h16v2H4zm0 5h16v2H4z'
const plusIcon = 'M11 5v6H5v2h6v6h2v-6h6v-2h-6V5z'

/** The launcher on the page and the dialog that it opens. */
export function createPanel(on: {
  words: PanelWords
  toggle: () => void
  close: () => void
  /** Resolves when the conversation has connected its actions. */
  ready: () => Promise<unknown>
}): Panel {
  const { words } = on
  let connected: PanelActions | undefined
  const actions = () => connected!
  const log = createMessageLog(words, actions)
  const composer = createComposer(words, actions)
  const sessions = createSessionsView(words, on.ready, () => ({
    ...actions(),
    openSession(id) {
      showSessions(false)
      actions().openSession(id)
      focus()
    },
  }))
  const heading = el('h2', { id: 'title', part: 'title' })
  const tool = (label: string, run: () => void, path: string) =>
    button({ 'aria-label': label, title: label }, run, icon(path))
  const past = tool(words.sessions, () => showSessions(sessions.node.hidden === true), listIcon)
  past.setAttribute('aria-controls', 'sessions')
  const startNewChat = () => {
    showSessions(false)
    actions().newSession()
    composer.focus()
  }
  const header = el(
    'header',
    { part: 'header' },
    heading,
    past,
    tool(words.newChat, startNewChat, plusIcon),
    tool(words.close, on.close, crossIcon),
  )
  const dialog = el(
    'section',
    {
      id: 'panel',
      class: 'panel',
      part: 'panel',
      role: 'dialog',
      'aria-labelledby': 'title',
      tabindex: '-1',
      hidden: true,
    },
    header,
    sessions.node,
    log.node,
    composer.node,
  )
  const launcher = button(
    { class: 'launcher', part: 'launcher', 'aria-controls': 'panel' },
    on.toggle,
    icon(bubbleIcon),
  )
  // Outside the dialog, so that a reply is announced also while the dialog is closed.
  const status = el('div', { class: 'unseen', role: 'status' })
  // The element's `title` is the dialog's heading. The empty title stops it from being a tooltip as well.
  const node = el('div', { class: 'widget', title: '' }, dialog, launcher, status)
  const askPlace = createAskPlace(node, words, (quotation) => {
    if (dialog.hidden) on.toggle()
    showSessions(false)
    composer.setQuotation(quotation)
    actions().change(composer.readText(), quotation)
    composer.focus()
  })
  keepInside(dialog)
  node.addEventListener('keydown', (event) => {
    // An inline chat stays open, so it leaves Escape to the page.
    const canClose = !dialog.hidden && (node.popover !== null || !sessions.node.hidden)
    if (event.key !== 'Escape' || event.isComposing || !canClose) return
    event.stopPropagation()
    if (sessions.node.hidden) return on.close()
    showSessions(false)
    past.focus()
  })
  showSessions(false)

  function showSessions(isShown: boolean): void {
    sessions.node.hidden = !isShown
    log.node.hidden = composer.node.hidden = isShown
    past.setAttribute('aria-expanded', String(isShown))
    if (!isShown) return log.reveal()
    sessions.node.focus()
    void sessions.refresh()
  }

  function announce(text: string): void {
    if (status.textContent !== text) status.textContent = text
  }

  function focus(): void {
    if (matchMedia('(pointer: coarse)').matches) dialog.focus()
    else composer.focus()
  }

  return {
    node,
    dialog,
    launcher,
    log,
    composer,
    sessions,
    askPlace,
    focus,
    connect(next) {
      connected = next
    },
    setTitle(title) {
      heading.textContent = title
    },
    setOpen(isOpen) {
      dialog.hidden = !isOpen
      if (isOpen) log.reveal()
      launcher.setAttribute('aria-expanded', String(isOpen))
      launcher.setAttribute('aria-label', isOpen ? words.close : words.open)
    },
    announce,
  }
}
