import { button, el } from '../dom/elements.ts'
import type { Words } from '../words/words.ts'
import type { ComposerActions } from './composer.ts'
import type { MessageView, NoteAction } from './message-view.ts'

export interface MessageLog {
  readonly node: HTMLElement
  setGreeting: (text: string) => void
  /** Questions to be sent by a click while there is no message. */
  setSuggestions: (questions: readonly string[]) => void
  append: (view: MessageView) => void
  /** Puts older messages before the others without moving what is being read. */
  prepend: (views: readonly MessageView[]) => void
  remove: (view: MessageView) => void
  clear: () => void
  /** Removes what stands before `view`. */
  clearBefore: (view: MessageView) => void
  /** Words about the conversation as a whole, at its top. */
  setNotice: (notice: string, action?: NoteAction) => void
  /** A notice that is a button alone, and presses itself once the reader comes near it. */
  offerEarlier: (run: () => void) => void
  /** Runs `change` and stays at the end if the reader was there. */
  follow: (change: () => void) => void
  scrollToEnd: () => void
  /** To be called when it is shown again: what came meanwhile is in sight of who had read to the end. */
  reveal: () => void
}

/** How far from the end, in pixels, still counts as reading along. */
const followDistancePx = 48
/** How near to the top, in pixels, the reader comes before older messages are fetched. */
const earlierDistancePx = 200

/** Where the messages are: it places them, and the conversation makes them. */
export function createMessageLog(
  words: Words,
  actions: () => Pick<ComposerActions, 'send'>,
): MessageLog {
  const greeting = el('p', { class: 'greeting', dir: 'auto' })
  const notice = el('p', { class: 'notice', 'aria-live': 'polite', hidden: true })
  const list = el('ol', { class: 'messages' })
  const suggestions = el('div', { class: 'suggestions' })
  // Spoken by the widget's live region once a reply is whole; token by token it would be noise.
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
  let comeNear: (() => void) | undefined
  const watcher =
    globalThis.IntersectionObserver &&
    new IntersectionObserver((moments) => moments.at(-1)?.isIntersecting && comeNear?.(), {
      root: node,
      rootMargin: `${earlierDistancePx}px 0px`,
    })

  let wasAtEnd = true
  const isAtEnd = () => node.scrollHeight - node.scrollTop - node.clientHeight < followDistancePx
  node.addEventListener('scroll', () => {
    if (node.clientHeight > 0) wasAtEnd = isAtEnd()
  })

  const scrollToEnd = () => {
    wasAtEnd = true
    node.scrollTop = node.scrollHeight
  }

  function setNotice(text: string, action?: NoteAction): void {
    comeNear = undefined
    // A button that was pressed goes away, and the focus with it.
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
      comeNear = run
      // Whoever begins to observe is told how things stand, after the next layout.
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
