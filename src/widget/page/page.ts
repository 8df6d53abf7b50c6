// The commands on the page use the address of the Worker that serves it.
for (const place of document.querySelectorAll('[data-origin]')) {
  place.textContent = location.origin
}

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
