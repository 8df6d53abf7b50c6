/** The events of a visitor who writes. A page often listens for these on the document, for itself. */
const writingEvents = 'keypress beforeinput input copy cut paste dragenter dragover dragleave drop'

/**
 * Keeps what the visitor writes in `node` away from listeners of the page, such as one-key shortcuts. The page still
 * gets Escape, Tab, function keys and shortcuts with Ctrl, Alt or Meta.
 */
export function keepInside(node: HTMLElement): void {
  /** The keys whose press the page has not seen. It must see the release of all others. */
  const kept = new Set<string>()
  for (const type of writingEvents.split(' ')) {
    node.addEventListener(type, (event) => event.stopPropagation())
  }
  for (const type of ['dragover', 'drop'] as const) node.addEventListener(type, keepFilesClosed)
  node.addEventListener('keydown', (event) => {
    if (!isForChat(event)) return
    kept.add(event.code)
    event.stopPropagation()
  })
  node.addEventListener('keyup', (event) => {
    if (kept.delete(event.code)) event.stopPropagation()
  })
}

/** Stops the browser from opening a dropped file in place of the page, also before the conversation is loaded. */
function keepFilesClosed(event: DragEvent): void {
  if (event.dataTransfer?.types.includes('Files')) event.preventDefault()
}

function isForChat(event: KeyboardEvent): boolean {
  const { key, altKey, ctrlKey, metaKey } = event
  // Enter sends, and an input method uses any key, also Escape. Safari reports its keys only by the key code.
  if (key === 'Enter' || event.isComposing || event.keyCode === 229) return true
  if (/^(Escape|Tab|F\d+|Control|Alt|Meta)$/.test(key)) return false
  if (event.getModifierState('AltGraph')) return true
  if (ctrlKey || metaKey) return false
  // Option types characters on a Mac.
  return !altKey || (/^(.|Dead)$/u.test(key) && /^(Mac|iP)/.test(navigator.platform))
}
