import { autoMount } from './element/auto-mount.ts'
import { ChatbotWidget } from './element/chatbot-widget.ts'

export { ChatbotWidget }

/**
 * The script of a page: `<script type="module" src="https://chat.example.com/widget.js"></script>`
 * is all a page needs. The widget's attributes are the script's with `data-` before them.
 */
if (globalThis.customElements) {
  if (!customElements.get('chatbot-widget')) customElements.define('chatbot-widget', ChatbotWidget)
  // An async script may run before the body, and a widget written by hand, is there.
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', mount)
  else mount()
}

function mount(): void {
  autoMount(import.meta.url)
}
