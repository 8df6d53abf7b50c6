import { autoMount } from './element/auto-mount.ts'
import { ChatbotWidget } from './element/chatbot-widget.ts'

export { ChatbotWidget }

/**
 * The entry, served as `/widget.js`. A page needs only
 * `<script type="module" src="https://chat.example.com/widget.js"></script>`. The widget's attributes go on the script
 * element, prefixed with `data-`.
 */
if (globalThis.customElements) {
  if (!customElements.get('chatbot-widget')) customElements.define('chatbot-widget', ChatbotWidget)
  // An async script may run before the parser has reached the body or a handwritten widget.
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', mount)
  else mount()
}

function mount(): void {
  autoMount(import.meta.url)
}
