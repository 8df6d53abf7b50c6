import { createComposer, type Composer } from './composer.ts'
import { button, el, icon } from './dom.ts'
import { createMessageLog, type MessageLog } from './message-log.ts'
import { words } from './words.ts'

export type Panel = {
  readonly node: HTMLElement
  readonly launcher: HTMLButtonElement
  readonly log: MessageLog
  readonly composer: Composer
  setTitle: (title: string) => void
  setOpen: (isOpen: boolean) => void
  /** Takes the focus; on a touch screen without its keyboard over the conversation. */
  focus: () => void
  /** Speaks to a screen reader, once. */
  announce: (text: string) => void
}

const BUBBLE =
  'M4 3h16a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2h-8l-5 4v-4H4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zm2 5v2h12V8zm0 4v2h8v-2z'
const CROSS =
  'M6.4 5L5 6.4l5.6 5.6L5 17.6 6.4 19l5.6-5.6 5.6 5.6 1.4-1.4-5.6-5.6L19 6.4 17.6 5 12 10.6z'
const PLUS = 'M11 5v6H5v2h6v6h2v-6h6v-2h-6V5z'

/** The button on the page and the dialog that it opens. */
export function createPanel(on: {
  toggle: () => void
  close: () => void
  newChat: () => void
  send: (text: string) => void
  change: (text: string) => void
}): Panel {
  const log = createMessageLog()
  const composer = createComposer(on)
  const heading = el('h2', { id: 'title' })
  const header = el(
    'header',
    {},
    heading,
    button({ 'aria-label': words.newChat, title: words.newChat }, on.newChat, icon(PLUS)),
    button({ 'aria-label': words.close, title: words.close }, on.close, icon(CROSS)),
  )
  const dialog = el(
    'section',
    {
      id: 'panel',
      class: 'panel',
      role: 'dialog',
      'aria-labelledby': 'title',
      tabindex: '-1',
      hidden: true,
    },
    header,
    log.node,
    composer.node,
  )
  const launcher = button({ class: 'launcher', 'aria-controls': 'panel' }, on.toggle, icon(BUBBLE))
  // Outside the dialog, so that a reply is spoken also after it was closed.
  const status = el('div', { class: 'unseen', role: 'status' })
  // The host's title is the dialog's heading, not a tooltip over all of it: hence the empty one.
  const node = el('div', { class: 'widget', title: '' }, dialog, launcher, status)
  node.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || event.isComposing || dialog.hidden) return
    event.stopPropagation()
    on.close()
  })

  return {
    node,
    launcher,
    log,
    composer,
    setTitle(title) {
      heading.textContent = title
    },
    setOpen(isOpen) {
      dialog.hidden = !isOpen
      launcher.setAttribute('aria-expanded', String(isOpen))
      launcher.setAttribute('aria-label', isOpen ? words.close : words.open)
    },
    focus() {
      if (matchMedia('(pointer: coarse)').matches) dialog.focus()
      else composer.focus()
    },
    announce(text) {
      status.textContent = text
    },
  }
}
