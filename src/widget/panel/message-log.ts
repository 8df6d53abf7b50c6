import { button, el } from '../dom/elements.ts'
import type { PanelWords } from '../words/words.ts'
import type { ComposerActions } from './composer.ts'
import type { MessageView, NoteAction } from './message-view.ts'

export interface MessageLog {
  readonly node: HTMLElement
  setGreeting: (text: string) => void
  /** Questions that can be sent with one click while there is no message. */
  setSuggestions: (questions: readonly string[]) => void
  append: (view: MessageView) => void
  /** Inserts older messages at the top without moving the text that is being read. */
  prepend: (views: readonly MessageView[]) => void
  remove: (view: MessageView) => void
  clear: () => void
  /** Removes everything above `view`. */
  clearBefore: (view: MessageView) => void
  /** Shows a notice about the whole conversation, at the top. */
  setNotice: (notice: string, action?: NoteAction) => void
  /** Shows a button for older messages, and runs it when the reader scrolls near it. */
  offerEarlier: (run: () => void) => void
  /** Runs `change`, then scrolls to the end if the reader was there before. */
  follow: (change: () => void) => void
  scrollToEnd: () => void
  /** To be called when the log is shown again: scrolls to the place where the reader was before. */
  reveal: () => void
}

/** A reader this near to the end follows new text. */
const followDistancePx = 48
/** A reader this near to the top gets older messages. */
const earlierDistancePx = 200

/** The list of messages. The conversation creates the views, the log places them. */
export function createMessageLog(
  words: PanelWords,
  actions: () => Pick<ComposerActions, 'send'>,
): MessageLog {
  const greeting = el('p', { class: 'greeting', dir: 'auto' })
  const notice = el('p', { class: 'notice', 'aria-live': 'polite', hidden: true })
  const list = el('ol', { class: 'messages' })
  const suggestions = el('div', { class: 'suggestions' })
  // Not live: the status region announces each whole reply. Word by word would be noise.
  const node = el(
    'div',
    {
      class: 'log',
      part: 'log',
      role: 'log',
      'aria-live': 'off',
      'aria-label': words.log,
      tabindex: '0',
    },
    greeting,
    notice,
    list,
    suggestions,
  )
  let loadEarlier: (() => void) | undefined
  const watcher =
    globalThis.IntersectionObserver &&
    new IntersectionObserver((moments) => moments.at(-1)?.isIntersecting && loadEarlier?.(), {
      root: node,
      rootMargin: `${earlierDistancePx}px 0px`,
    })

  let wasAtEnd = true
  let top = 0
  const isAtEnd = () => node.scrollHeight - node.scrollTop - node.clientHeight < followDistancePx
  node.addEventListener('scroll', () => {
    if (node.clientHeight === 0) return
    wasAtEnd = isAtEnd()
    top = node.scrollTop
  })

  const scrollToEnd = () => {
    wasAtEnd = true
    node.scrollTop = node.scrollHeight
  }

  function setNotice(text: string, action?: NoteAction): void {
    loadEarlier = undefined
    // The pressed button disappears: move its focus to the log.
    if (notice.matches(':focus-within')) node.focus({ preventScroll: true })
    notice.hidden = text === '' && !action
    notice.textContent = text
    if (action) notice.append(' ', button({}, action.run, action.label))
  }

  return {
    node,
    scrollToEnd,
    reveal() {
      if (wasAtEnd) scrollToEnd()
      else node.scrollTop = top
    },
    setNotice,
    setGreeting(text) {
      greeting.textContent = text
    },
    setSuggestions(questions) {
      suggestions.replaceChildren(
        ...questions.map((question) =>
          button({ dir: 'auto' }, () => actions().send(question), question),
        ),
      )
    },
    append: (view) => list.append(view.node),
    prepend(views) {
      const fromEnd = node.scrollHeight - node.scrollTop
      list.prepend(...views.map((view) => view.node))
      node.scrollTop = node.scrollHeight - fromEnd
    },
    remove: (view) => view.node.remove(),
    clear: () => list.replaceChildren(),
    clearBefore(view) {
      while (view.node.previousSibling) view.node.previousSibling.remove()
    },
    offerEarlier(run) {
      setNotice('', { label: words.loadEarlier, run })
      loadEarlier = run
      // A new observation reports the present position after the next layout.
      watcher?.unobserve(notice)
      watcher?.observe(notice)
    },
    follow(change) {
      const follows = node.clientHeight > 0 ? isAtEnd() : wasAtEnd
      change()
      if (follows) scrollToEnd()
    },
  }
}
