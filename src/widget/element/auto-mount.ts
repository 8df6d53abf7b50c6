import { ChatbotWidget } from './chatbot-widget.ts'

/**
 * Puts one `<chatbot-widget>` on the page for the script element that loaded this module, its
 * `data-*` attributes as the widget's own. Not where the page has a widget already, says
 * `data-auto="off"`, or imports the module from another script.
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
