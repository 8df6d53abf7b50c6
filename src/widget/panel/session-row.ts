import type { limits } from '../../limits.ts'
import type { Session } from '../../protocol.ts'
import { isBlank } from '../../visible-text.ts'
import { button, el, icon } from '../dom/elements.ts'
import type { Words } from '../words/words.ts'

export interface SessionRow {
  readonly node: HTMLElement
  show: (session: Session, isCurrent: boolean) => void
  focus: () => void
}

export interface SessionRowActions {
  open: () => void
  /** Both resolve to whether it succeeded. The list shows the reason of a failure. */
  rename: (title: string) => Promise<boolean>
  remove: () => Promise<boolean>
}

/** The API's limit. Its type makes the compiler compare both; importing the value would bundle all limits. */
const maxTitleChars: typeof limits.titleChars = 200
const pencilIcon = 'M4 20l1-5L16 4l4 4L9 19zm11-12l1.500 1.500'
const binIcon = 'M9 3h6v2h5v2H4V5h5zM6 8h12l-1 13H7z'

/** One past session. Its title opens it. Renaming and deleting happen in place. */
export function createSessionRow(words: Words, on: SessionRowActions): SessionRow {
  const title = el('span', { class: 'title', dir: 'auto' })
  const date = el('time')
  const open = button({ class: 'session' }, on.open, title, date)
  const rename = tool(pencilIcon, askForTitle)
  const remove = tool(binIcon, askWhetherToDelete)
  const node = el('li', {}, open, rename, remove)

  function tool(path: string, run: () => void): HTMLButtonElement {
    return button({ class: 'tool' }, run, icon(path))
  }

  function askForTitle(): void {
    const input = el('input', { 'aria-label': words.rename, maxlength: String(maxTitleChars) })
    input.dir = 'auto'
    input.value = title.textContent
    const isSame = () => isBlank(input.value) || input.value === title.textContent
    ask(rename, words.save, async () => isSame() || (await on.rename(input.value)), input)
    input.select()
  }

  function askWhetherToDelete(): void {
    const name = el('small', { dir: 'auto' }, title.textContent)
    const question = el('span', { class: 'title' }, words.deleteQuestion, name)
    ask(remove, words.delete, on.remove, question)
  }

  /** Shows a question in place of the row. Afterwards `origin` gets the focus back. */
  function ask(
    origin: HTMLElement,
    yes: string,
    run: () => Promise<boolean>,
    question: HTMLElement,
  ): void {
    const cancel = button({ class: 'word' }, end, words.cancel)
    const form = el('form', {}, question, el('button', { class: 'word' }, yes), cancel)
    form.setAttribute('aria-label', origin.title)
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void run().then((isDone) => isDone && end())
    })
    form.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.isComposing) return
      event.stopPropagation()
      end()
    })
    const row = [...node.children]
    node.replaceChildren(form)
    const first = form.querySelector('input') ?? cancel
    first.focus()

    function end(): void {
      if (!form.isConnected) return
      node.replaceChildren(...row)
      origin.focus()
    }
  }

  return {
    node,
    focus: () => open.focus(),
    show(session, isCurrent) {
      const name = session.title ?? words.newChat
      const at = session.last_message_at ?? session.created_at
      title.textContent = name
      date.dateTime = at
      date.textContent = new Date(at).toLocaleString(document.documentElement.lang || [], {
        dateStyle: 'medium',
        timeStyle: 'short',
      })
      if (isCurrent) open.setAttribute('aria-current', 'true')
      else open.removeAttribute('aria-current')
      for (const [element, word] of [
        [rename, words.rename],
        [remove, words.delete],
      ] as const) {
        element.title = `${word}: ${name}`
        element.setAttribute('aria-label', element.title)
      }
    },
  }
}
