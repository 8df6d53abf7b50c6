import type { Receipt } from '../../protocol-receipt.ts'
import { button, el } from '../dom/elements.ts'
import type { SessionActions } from './session-list.ts'
import styles from './receipt-view.css'

/** The conversation's part in a receipt. */
export type ReceiptActions = Pick<SessionActions, 'call' | 'words' | 'explain' | 'currentSession'>

/** A receipt that has not arrived after this time counts as lost. It is longer than any silence of a healthy Worker. */
const patienceMs = 45_000

let sheet: CSSStyleSheet | undefined
/** For each open receipt, what closes it. */
const closers = new WeakMap<HTMLElement, () => void>()

/**
 * Opens the receipt of a reply in `place`, below the message whose tool was pressed, or closes it. A chunk of its own:
 * only developers open it.
 */
export function toggleReceipt(place: HTMLElement, replyId: string, actions: ReceiptActions): void {
  const opened = closers.get(place)
  if (opened) return opened()
  const message = place.parentElement!
  const opener = message.querySelector<HTMLElement>('.tool.receipt')!
  const words = actions.words()
  const closed = new AbortController()
  const { signal } = closed
  const status = el('p', { role: 'status' })
  const content = english('div')
  const view = el('div', { role: 'group', 'aria-label': words.receipt }, status, content)
  closers.set(place, close)
  addStyles(place)
  place.replaceChildren(view)
  opener.ariaExpanded = 'true'
  message.addEventListener(
    'keydown',
    (event) => {
      if (event.key !== 'Escape') return
      event.stopPropagation()
      close()
    },
    { signal },
  )
  void load()

  function close(): void {
    closed.abort()
    closers.delete(place)
    opener.ariaExpanded = 'false'
    if (view.matches(':focus-within')) opener.focus()
    view.remove()
  }

  async function load(): Promise<void> {
    say(english('span', 'Loading…'))
    try {
      const [{ drawReceipt }, receipt] = await Promise.all([import('./receipt-picture.ts'), read()])
      if (!signal.aborted) show(() => drawReceipt(receipt))
    } catch (error) {
      if (signal.aborted) return
      const isGone = (error as { status?: number }).status === 404
      offerRetry(isGone ? english('span', goneFault) : actions.explain(error))
    }
  }

  async function read(): Promise<Receipt> {
    const session = encodeURIComponent(actions.currentSession() ?? '')
    const path = `/v1/sessions/${session}/messages/${encodeURIComponent(replyId)}/context`
    const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
    const response = await actions.call('GET', path, { signal: patience })
    const receipt: Receipt = await response.json()
    return receipt
  }

  function show(draw: () => { summary: string; nodes: Node[] }): void {
    try {
      const { summary, nodes } = draw()
      content.replaceChildren(...nodes)
      say(english('span', summary))
    } catch {
      offerRetry(english('span', strangeFault))
    }
  }

  function offerRetry(fault: Node | string): void {
    const again = () => {
      // The pressed button disappears.
      opener.focus()
      void load()
    }
    say(fault, ' ', button({ class: 'word' }, again, words.retry))
  }

  function say(...parts: (Node | string)[]): void {
    status.replaceChildren(...parts)
    view.scrollIntoView({ block: 'nearest' })
  }
}

const goneFault = 'The server has no such reply any more.'
const strangeFault = 'The answer of the server is not a receipt that this widget knows.'

/** Only developers read these texts, so they are not translated. */
function english(tag: 'div' | 'span', text = ''): HTMLElement {
  return el(tag, { lang: 'en', dir: 'ltr' }, text)
}

function addStyles(node: HTMLElement): void {
  const root = node.getRootNode()
  if (!(root instanceof ShadowRoot)) return
  if (!sheet) {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(styles)
  }
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet)
}
