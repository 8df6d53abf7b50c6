import type { limits } from '../../limits.ts'
import { isBlank } from '../../visible-text.ts'
import { button, el, icon } from '../dom/elements.ts'
import { fill, type PanelWords } from '../words/words.ts'
import { createQuotationChip } from './quotation-chip.ts'

export interface Composer {
  readonly node: HTMLElement
  setPlaceholder: (text: string) => void
  /** While busy, the visitor can type but not send. While `running`, a button stops the reply. */
  setBusy: (busy: false | 'loading' | 'running') => void
  setText: (text: string) => void
  readText: () => string
  /** Text of the page that the next message is about. */
  setQuotation: (text: string | undefined) => void
  readQuotation: () => string | undefined
  /** Shows a notice about the typed text until the text is changed or sent. */
  setNotice: (notice: string) => void
  focus: () => void
}

export interface SendOptions {
  /** Text of the page that the message is about. */
  contextText?: string | undefined
}

export interface ComposerActions {
  send: (text: string, options?: SendOptions) => void
  stopReply: () => void
  /** The visitor has changed the text or the quotation. */
  change: (text: string, quotation: string | undefined) => void
}

/** The API's limit. Its type makes the compiler compare both; importing the value would bundle all limits. */
const maxMessageChars: typeof limits.messageChars = 8_000
const arrowUpIcon = 'M12 4l7 7-1.4 1.4L13 7.8V20h-2V7.8l-4.6 4.6L5 11z'
const squareIcon = 'M7 7h10v10H7z'

/** The box in which the visitor writes. Enter sends, Shift + Enter begins a new line. */
export function createComposer(words: PanelWords, actions: () => ComposerActions): Composer {
  let isBusy = false
  const notice = el('p', { class: 'note', role: 'alert' })
  const chip = createQuotationChip(words, () => {
    chip.set(undefined)
    input.focus()
    changed()
  })
  const input = el('textarea', {
    part: 'input',
    rows: '1',
    dir: 'auto',
    autocomplete: 'off',
    enterkeyhint: 'send',
  })
  const send = el('button', {
    class: 'send',
    part: 'send',
    'aria-label': words.send,
    disabled: true,
  })
  send.append(icon(arrowUpIcon))
  const stop = button(
    { class: 'send', part: 'send', 'aria-label': words.stop },
    () => actions().stopReply(),
    icon(squareIcon),
  )
  stop.hidden = true
  const node = el(
    'form',
    { class: 'composer', part: 'composer' },
    notice,
    chip.node,
    input,
    send,
    stop,
  )

  input.addEventListener('input', () => {
    setNotice('')
    update()
    changed()
  })
  input.addEventListener('keydown', (event) => {
    // Enter also confirms a word in an input method. Safari reports this only by the key code.
    const isComposing = event.isComposing || event.keyCode === 229
    if (event.key !== 'Enter' || event.shiftKey || isComposing) return
    event.preventDefault()
    submit()
  })
  node.addEventListener('submit', (event) => {
    event.preventDefault()
    submit()
  })

  function submit() {
    const text = input.value
    if (isBusy || isBlank(text)) return
    const excess = text.length - maxMessageChars
    if (excess > 0) return setNotice(fill(words.tooLong, excess))
    const quotation = chip.read()
    input.value = ''
    chip.set(undefined)
    setNotice('')
    update()
    // The send button is disabled now. With the focus, it would swallow further keys.
    input.focus()
    changed()
    actions().send(text, { contextText: quotation })
  }
  function changed() {
    actions().change(input.value, chip.read())
  }
  function update() {
    send.disabled = isBusy || isBlank(input.value)
  }
  function setNotice(text: string) {
    // An unchanged notice must not be announced again.
    if (notice.textContent !== text) notice.textContent = text
  }

  return {
    node,
    setNotice,
    setPlaceholder(text) {
      input.placeholder = text
      input.setAttribute('aria-label', text)
    },
    setBusy(busy) {
      isBusy = busy !== false
      // The stop button may disappear: move its focus to the input.
      if (stop.matches(':focus')) input.focus()
      stop.hidden = busy !== 'running'
      send.hidden = !stop.hidden
      update()
    },
    setText(text) {
      input.value = text
      update()
    },
    readText: () => input.value,
    setQuotation: chip.set,
    readQuotation: chip.read,
    focus: () => input.focus(),
  }
}
