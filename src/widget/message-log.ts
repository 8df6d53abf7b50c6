import { button, el } from './dom.ts'
import { createMessageView, type MessageView, type NoteAction } from './message-view.ts'
import { words } from './words.ts'

export type MessageLog = {
  readonly node: HTMLElement
  setGreeting: (text: string) => void
  append: (role: 'user' | 'assistant', text: string) => MessageView
  /** Puts older messages before the others without moving what is being read. */
  prepend: (messages: { role: 'user' | 'assistant'; text: string; note: string }[]) => void
  remove: (view: MessageView) => void
  clear: () => void
  /** Removes what stands before `view`. */
  clearBefore: (view: MessageView) => void
  /** Words about the conversation as a whole, at its top. */
  setNotice: (notice: string, action?: NoteAction) => void
  /** Runs `change` and stays at the end if the reader was there. */
  follow: (change: () => void) => void
  scrollToEnd: () => void
}

/** How far from the end, in pixels, still counts as reading along. */
const FOLLOW_DISTANCE = 48

export function createMessageLog(): MessageLog {
  const greeting = el('p', { class: 'greeting', dir: 'auto' })
  const notice = el('p', { class: 'notice', hidden: true })
  const list = el('ol', { class: 'messages' })
  // Spoken by the widget's live region once a reply is whole; token by token it would be noise.
  const node = el(
    'div',
    { class: 'log', role: 'log', 'aria-live': 'off', 'aria-label': words.log, tabindex: '0' },
    greeting,
    notice,
    list,
  )
  const scrollToEnd = () => {
    node.scrollTop = node.scrollHeight
  }

  return {
    node,
    scrollToEnd,
    setGreeting(text) {
      greeting.textContent = text
    },
    append(role, text) {
      const view = createMessageView(role, text)
      list.append(view.node)
      return view
    },
    prepend(messages) {
      const fromEnd = node.scrollHeight - node.scrollTop
      list.prepend(
        ...messages.map(({ role, text, note }) => {
          const view = createMessageView(role, text)
          view.setNote(note)
          return view.node
        }),
      )
      node.scrollTop = node.scrollHeight - fromEnd
    },
    remove: (view) => view.node.remove(),
    clear: () => list.replaceChildren(),
    clearBefore(view) {
      while (view.node.previousSibling) view.node.previousSibling.remove()
    },
    setNotice(text, action) {
      // A button that was pressed goes away, and the focus with it.
      if (notice.matches(':focus-within')) node.focus({ preventScroll: true })
      notice.hidden = text === '' && !action
      notice.textContent = text
      if (action) notice.append(' ', button({}, action.run, action.label))
    },
    follow(change) {
      const isAtEnd = node.scrollHeight - node.scrollTop - node.clientHeight < FOLLOW_DISTANCE
      change()
      if (isAtEnd) scrollToEnd()
    },
  }
}
