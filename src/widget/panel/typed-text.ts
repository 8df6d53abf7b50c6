import { createTypingPace } from './typing-pace.ts'
import styles from './typed-text.css'

export interface TypedText {
  /** The whole text so far. Only its new end is typed out. */
  setText: (text: string) => void
  /** Ends the typing, and removes the caret. */
  stop: () => undefined
}

/**
 * The pause between two steps. Not an animation frame: a page that a browser takes for covered gets only one of these in
 * a second, also while `document.hidden` is false.
 */
const stepMs = 33

let sheet: CSSStyleSheet | undefined

/**
 * Types out a text that grows in bursts, with a caret at its end. A chunk of its own: nobody waits for it, because the
 * model's first word takes longer. Text is shown at once if nobody looks, or if the visitor wants no motion.
 * @param options.text the text that `body` shows already
 * @param options.draw shows this much of the text
 * @param options.follow runs a change of the size. The caller of `setText` runs it in such a change itself
 */
export function typeText(options: {
  body: HTMLElement
  text: string
  draw: (text: string) => void
  follow: (change: () => void) => void
}): TypedText {
  const { body, draw, follow } = options
  let { text } = options
  let pace = createTypingPace(text.length)
  let timer: ReturnType<typeof setTimeout> | undefined
  let end: Element | undefined
  addStyles(body)
  follow(markEnd)

  /** Draws this much of the text. Never splits a surrogate pair. */
  function drawTo(length: number): void {
    draw(text.slice(0, length).replace(/[\uD800-\uDBFF]$/, ''))
    markEnd()
  }

  function step(): void {
    const length = pace.shown(performance.now())
    follow(() => drawTo(length))
    timer = length < text.length ? setTimeout(step, stepMs) : undefined
  }

  /** The caret is a pseudo-element of the last element with content. */
  function markEnd(): void {
    const last = lastElement(body)
    if (last === end) return
    end?.removeAttribute('data-end')
    last.setAttribute('data-end', '')
    end = last
  }

  return {
    setText(next) {
      const isMore = next.startsWith(text)
      text = next
      if (isMore && !document.hidden && !prefersNoMotion()) {
        pace.arrived(text.length, performance.now())
        timer ??= setTimeout(step, stepMs)
        return
      }
      clearTimeout(timer)
      timer = undefined
      pace = createTypingPace(text.length)
      drawTo(text.length)
    },
    stop() {
      clearTimeout(timer)
      end?.removeAttribute('data-end')
    },
  }
}

function prefersNoMotion(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches
}

function lastElement(body: Element): Element {
  let last = body
  for (;;) {
    let child = last.lastChild
    // The copy button of a code block.
    if (child instanceof HTMLButtonElement) child = child.previousSibling
    if (!(child instanceof Element) || child.matches('hr, br')) return last
    last = child
  }
}

function addStyles(body: Element): void {
  const root = body.getRootNode()
  if (!(root instanceof ShadowRoot)) return
  if (!sheet) {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(styles)
  }
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet)
}
