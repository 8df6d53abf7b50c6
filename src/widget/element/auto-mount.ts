import type { ChatbotWidgetElement } from '../widget-types.ts'
import { ChatbotWidget } from './chatbot-widget.ts'

/**
 * Adds one `<chatbot-widget>` to the page for the script element that loaded this module, with that element's `data-*`
 * attributes as its own. Does nothing if the page already has a widget, if the script element says `data-auto="off"`,
 * or if another script imported the module.
 *
 * If a router replaces the content of the page, the same element moves to the new content. A widget that the page
 * removes by itself stays removed.
 */
export function autoMount(scriptUrl: string): void {
  let script: HTMLScriptElement | undefined
  let widget: ChatbotWidgetElement | undefined

  if (!findScript() || isOff()) return
  const observer = new MutationObserver((records) => {
    watch()
    const added = records.flatMap(({ addedNodes }) => Array.from(addedNodes))
    const removed = records.flatMap(({ removedNodes }) => Array.from(removedNodes))
    if (widget?.isConnected || !isNewPage(added, removed)) return
    // A router that caches pages has a copy of the widget in each of them.
    if (widget) for (const copy of document.querySelectorAll(copySelector)) copy.remove()
    if (!widget || removed.some((node) => node.contains(widget!))) mount()
  })
  mount()
  watch()

  function findScript(): HTMLScriptElement | undefined {
    // document.currentScript is null in a module.
    return Array.from(document.scripts).find(({ src }) => src === scriptUrl)
  }

  function isOff(): boolean {
    return findScript()?.dataset['auto'] === 'off'
  }

  function watch(): void {
    observer.disconnect()
    for (const node of [document.documentElement, document.body]) {
      observer.observe(node, { childList: true })
    }
  }

  function mount(): void {
    const before = widget && script
    script = findScript() ?? script
    if (!script || isOff() || document.querySelector('chatbot-widget')) {
      widget = undefined
      return
    }
    widget ??= document.createElement('chatbot-widget')
    widget.dataset['auto'] = ''
    // Turbo's page refresh by morphing leaves such an element in place.
    widget.dataset['turboPermanent'] = ''
    for (const name of [...ChatbotWidget.observedAttributes, 'dir']) {
      const value = script.dataset[name]
      // The visitor decides whether the chat stays open.
      if (value === before?.dataset[name] || (before && name === 'open')) continue
      if (value === undefined) widget.removeAttribute(name)
      else widget.setAttribute(name, value)
    }
    if (!widget.inline) document.body.append(widget)
    else if (script.isConnected) script.after(widget)
    else widget = undefined
  }
}

const copySelector = 'chatbot-widget[data-auto]'

/**
 * Whether the body, or all of its content except for scripts and styles, is new. A widget that is removed alone is no new
 * page, even if it was the only content.
 */
function isNewPage(added: Node[], removed: Node[]): boolean {
  const { body } = document
  if (added.includes(body)) return true
  const isNew = (child: Element) => added.includes(child) || child.matches('script, style, link')
  return added.length + removed.length > 1 && Array.from(body.children).every(isNew)
}
