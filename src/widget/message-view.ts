import { button, el } from './dom.ts'
import { createMarkdownView } from './markdown-view.ts'
import { words } from './words.ts'

export type NoteAction = { label: string; run: () => void }

export type MessageView = {
  readonly node: HTMLElement
  setText: (text: string) => void
  /** Words about the message below it, with a button where something can be done. */
  setNote: (note: string, action?: NoteAction) => void
  /** Whether more text may come. */
  setOpen: (isOpen: boolean) => void
  /** The text as it reads, without its Markdown. */
  readText: () => string
}

/** One message of the conversation: the visitor's as typed, the assistant's as Markdown. */
export function createMessageView(role: 'user' | 'assistant', text: string): MessageView {
  const isUser = role === 'user'
  const body = el('div', { class: 'body', dir: 'auto' })
  const note = el('p', { class: 'note', hidden: true })
  const node = el(
    'li',
    { class: `message ${role}` },
    el('span', { class: 'unseen' }, isUser ? words.you : words.assistant),
    body,
    note,
  )
  const markdown = isUser ? undefined : createMarkdownView(body)
  const view: MessageView = {
    node,
    setText(next) {
      if (markdown) markdown.update(next)
      else body.textContent = next
    },
    setNote(next, action) {
      note.hidden = next === ''
      note.textContent = next
      if (action) note.append(' ', button({}, action.run, action.label))
    },
    setOpen(isOpen) {
      node.classList.toggle('is-open', isOpen)
    },
    readText: () => body.innerText,
  }
  view.setText(text)
  return view
}
