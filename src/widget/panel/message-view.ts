import type { Message } from '../../protocol.ts'
import type { Rating } from '../client/chat-client.ts'
import { asFailure } from '../client/chat-failure.ts'
import { button, el } from '../dom/elements.ts'
import { createMarkdownView } from '../markdown/markdown-view.ts'
import { explain } from '../words/explain.ts'
import type { Words } from '../words/words.ts'
import { createMessageTools } from './message-tools.ts'
import type { ReceiptActions } from './receipt-view.ts'
import type { TypedText } from './typed-text.ts'

export interface NoteAction {
  label: string
  run: () => void
}

export interface MessageActions extends ReceiptActions {
  /** Rejects with a ChatFailure if the rating could not be stored. */
  rate: (replyId: string, rating: Rating | null) => Promise<void>
  /** Asks for another reply in place of the last one. */
  regenerate: () => void
  /** Asks for the rest of the last reply. */
  continueReply: () => void
}

export interface MessageView {
  readonly node: HTMLElement
  /** The stored message that the view shows; undefined while a reply is being written. */
  stored: () => Message | undefined
  /** Shows a stored message, with a note if it is incomplete. The note begins with `news`. */
  show: (message: Message, news?: string) => void
  setText: (text: string) => void
  /** Shows a note below the message, with a button if there is something to do. */
  setNote: (note: string, action?: NoteAction | false) => void
  /** Sets whether more text may come. */
  setOpen: (isOpen: boolean) => void
  /** The visible text, without Markdown. */
  readText: () => string
}

export interface ViewedMessage {
  role: 'user' | 'assistant'
  text?: string
  /** Text of the page that the message is about. */
  quotation?: string | undefined
}

interface MessageViewOptions extends ViewedMessage {
  words: Words
  actions: () => MessageActions
  /** Runs a change of the size. A reader at the end of the log stays there. */
  follow: (change: () => void) => void
}

/** One message: the visitor's as typed, the assistant's as Markdown. */
export function createMessageView(options: MessageViewOptions): MessageView {
  const { words, actions, role, quotation, follow } = options
  const isUser = role === 'user'
  const body = el('div', { class: 'body', part: `message ${role}-message`, dir: 'auto' })
  const note = el('p', { class: 'note', hidden: true })
  const markdown = isUser ? undefined : createMarkdownView(body, words)
  let text = ''
  let isOpen = false
  let typing: TypedText | undefined
  let stored: Message | undefined
  const toContinue = { label: words.continue, run: () => actions().continueReply() }
  const receipt = el('div', { class: 'receipt' })
  const replyActions = { rate, regenerate: () => actions().regenerate(), toggleReceipt }
  const tools = createMessageTools(words, () => text, isUser ? undefined : replyActions)
  const node = el(
    'li',
    { class: `message ${role}` },
    el('span', { class: 'unseen' }, isUser ? words.you : words.assistant),
    ...(quotation ? [el('blockquote', { class: 'quotation', dir: 'auto' }, quotation)] : []),
    body,
    note,
    tools.node,
    ...(isUser ? [] : [receipt]),
  )

  /** Shows the rating at once, and restores the old one if it cannot be stored. */
  async function rate(rating: Rating | null): Promise<void> {
    if (!stored) return
    const before = stored.feedback?.rating ?? null
    const { id } = stored
    showRating(rating)
    try {
      await actions().rate(id, rating)
    } catch (error) {
      if (stored.id !== id) return
      showRating(before)
      setNote(explain(words, asFailure(error)))
    }
  }

  /** Opens or closes what the model was sent for this reply. */
  async function toggleReceipt(): Promise<void> {
    try {
      const view = await import('./receipt-view.ts')
      view.toggleReceipt(receipt, stored!.id, actions())
    } catch (error) {
      receipt.textContent = explain(words, asFailure(error))
    }
  }

  function showRating(rating: Rating | null): void {
    const { feedback: _before, ...message } = stored!
    stored = rating ? { ...message, feedback: { rating } } : message
    tools.setRating(rating)
  }

  function setText(next: string): void {
    text = next
    if (typing) typing.setText(next)
    else draw(next)
  }

  function draw(next: string): void {
    if (markdown) markdown.update(next, isOpen)
    else body.textContent = next
  }

  function setNote(next: string, action?: NoteAction | false): void {
    note.hidden = next === ''
    note.textContent = next
    // A class of tools that only the last message has.
    const className = action === toContinue ? 'again' : ''
    if (action) note.append(' ', button({ class: className }, action.run, action.label))
  }

  setText(options.text ?? '')
  tools.node.hidden = !isUser
  return {
    node,
    stored: () => stored,
    show(message, news = '') {
      // An open receipt is of the reply or of the text that this one takes the place of.
      const { id, content } = message
      const isOther = stored?.id !== id || stored.content !== content
      if (isOther && receipt.firstElementChild) void toggleReceipt()
      stored = message
      tools.node.hidden = false
      setText(content)
      const own = noteOf(words, message)
      setNote(`${news} ${own}`.trim(), canGrow(message) && toContinue)
      tools.setRating(message.feedback?.rating ?? null)
    },
    setText,
    setNote,
    setOpen(mayGrow) {
      isOpen = mayGrow
      node.classList.toggle('is-open', isOpen)
      if (isOpen) {
        // Without the chunk, the text is shown as it arrives.
        import('./typed-text.ts').then(
          ({ typeText }) => isOpen && (typing ??= typeText({ body, text, draw, follow })),
          () => {},
        )
      } else {
        typing = typing?.stop()
        // Show the end of the text that the view held back while more could come.
        draw(text)
      }
    },
    readText: () => body.innerText,
  }
}

/** Whether the model can be asked for the rest of this message. */
function canGrow({ status, finish_reason }: Message): boolean {
  return status === 'interrupted' || (status === 'complete' && finish_reason === 'length')
}

/** Tells the visitor why a reply is not the whole answer; empty if it is, and for a visitor's message. */
export function noteOf(
  words: Words,
  { status, finish_reason }: Pick<Message, 'status' | 'finish_reason'>,
): string {
  if (status === 'interrupted') return words.interrupted
  if (status === 'failed') return words.noReply
  if (finish_reason === 'length') return words.cutAtLimit
  return finish_reason === 'content_filter' ? words.filtered : ''
}
