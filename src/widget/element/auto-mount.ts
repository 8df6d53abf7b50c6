import { ChatbotWidget } from './chatbot-widget.ts'

/**
 * Adds one `<chatbot-widget>` to the page for the script element that loaded this module, with that element's `data-*`
 * attributes as its own. Does nothing if the page already has a widget, if the script element says `data-auto="off"`,
 * or if another script imported the module.
 */
export function autoMount(scriptUrl: string): void {
  // document.currentScript is null in a module.
  const script = Array.from(document.scripts).find(({ src }) => src === scriptUrl)
  if (!script || script.dataset['auto'] === 'off') return
  if (document.querySelector('chatbot-widget')) return
  const widget = document.createElement('chatbot-widget')
  for (const name of [...ChatbotWidget.observedAttributes, 'dir']) {
    const value = script.dataset[name]
    if (value !== undefined) widget.setAttribute(name, value)
  }
  if (widget.inline) script.after(widget)
  else document.body.append(widget)
}
