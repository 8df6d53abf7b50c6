import { el, icon } from './dom.ts'
import { MAX_MESSAGE_CHARS, tooLong, words } from './words.ts'

export type Composer = {
  readonly node: HTMLElement
  setPlaceholder: (text: string) => void
  /** While busy nothing is sent; typing goes on. */
  setBusy: (isBusy: boolean) => void
  setText: (text: string) => void
  readText: () => string
  /** Words about what was typed, until it is changed or sent. */
  setNotice: (notice: string) => void
  focus: () => void
}

const ARROW_UP = 'M12 4l7 7-1.4 1.4L13 7.8V20h-2V7.8l-4.6 4.6L5 11z'

/** Where the visitor writes: Enter sends, Shift + Enter begins a new line. */
export function createComposer(on: {
  send: (text: string) => void
  change: (text: string) => void
}): Composer {
  let isBusy = false
  const notice = el('p', { class: 'note', role: 'alert' })
  const input = el('textarea', {
    rows: '1',
    dir: 'auto',
    autocomplete: 'off',
    enterkeyhint: 'send',
  })
  const send = el('button', { class: 'send', 'aria-label': words.send, disabled: true })
  send.append(icon(ARROW_UP))
  const node = el('form', { class: 'composer' }, notice, input, send)

  input.addEventListener('input', () => {
    setNotice('')
    update()
    on.change(input.value)
  })
  input.addEventListener('keydown', (event) => {
    // Enter also confirms a word of an input method; Safari says so only by the key code.
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
    if (isBusy || text.trim() === '') return
    if (text.length > MAX_MESSAGE_CHARS) return setNotice(tooLong(text.length))
    input.value = ''
    setNotice('')
    update()
    // The button is disabled now, and would swallow the keys that follow.
    input.focus()
    on.send(text)
  }
  function update() {
    send.disabled = isBusy || input.value.trim() === ''
  }
  function setNotice(text: string) {
    notice.textContent = text
  }

  return {
    node,
    setNotice,
    setPlaceholder(text) {
      input.placeholder = text
      input.setAttribute('aria-label', text)
    },
    setBusy(next) {
      isBusy = next
      update()
    },
    setText(text) {
      input.value = text
      update()
    },
    readText: () => input.value,
    focus: () => input.focus(),
  }
}
