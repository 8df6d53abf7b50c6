// The commands on the page use the address of the Worker that serves it.
for (const place of document.querySelectorAll('[data-origin]')) {
  place.textContent = location.origin
}

const receiptsSwitch = document.querySelector<HTMLElement>('[data-receipts-switch]')

receiptsSwitch?.addEventListener('click', () => {
  setReceipts(receiptsSwitch.ariaPressed !== 'true')
})

function setReceipts(isOn: boolean): void {
  document.querySelector('chatbot-widget')?.toggleAttribute('receipts', isOn)
  if (receiptsSwitch) receiptsSwitch.ariaPressed = String(isOn)
}

/** The entry of sessionStorage with which a reload of the tab shows the example again. */
const exampleKey = 'example-token'

/**
 * Opens the conversation of `#token=…&session=…`, the address that `npm run dev -- --example` prints, and takes the token
 * from the address. Only on this machine: on a public page, such a link would make people write as the visitor of its author.
 */
async function openExample(): Promise<void> {
  if (!['localhost', '127.0.0.1', '[::1]'].includes(location.hostname)) return
  const given = new URLSearchParams(location.hash.slice(1))
  if (given.has('token')) {
    history.replaceState(null, '', location.pathname + location.search)
    sessionStorage.setItem(exampleKey, given.get('token') ?? '')
  }
  const token = sessionStorage.getItem(exampleKey)
  if (!token) return
  await customElements.whenDefined('chatbot-widget')
  const widget = document.querySelector('chatbot-widget')
  if (!widget) return
  // The widget sends any token as a user's, and keeps this visitor's entries apart from those of the browser's own visitor.
  widget.setToken(token)
  setReceipts(true)
  const session = given.get('session')
  if (session) await widget.setSession(session)
  widget.open()
}

void openExample()
addEventListener('hashchange', () => void openExample())

// Opens the chat where it fits beside the text; on a phone it would cover the page. This module runs before the
// widget's, which reads its options from its script element.
if (matchMedia('(min-width: 1140px)').matches) {
  document.querySelector('script[src="/widget.js"]')?.setAttribute('data-open', '')
}

for (const button of document.querySelectorAll<HTMLElement>('[data-set]')) {
  const [name = '', value = ''] = button.dataset['set']?.split('=') ?? []
  button.addEventListener('click', () => {
    document.querySelector('chatbot-widget')?.setAttribute(name, value)
  })
}
