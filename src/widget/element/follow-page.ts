import { findTranslation } from '../words/languages.ts'

/**
 * Calls `change` whenever the page changes its theme or language, or when the visible part of the page changes, as with
 * an on-screen keyboard. Ends when `signal` is aborted.
 */
export function followPage(change: () => void, signal: AbortSignal): void {
  const observer = new MutationObserver(change)
  observer.observe(document.documentElement, { attributeFilter: ['data-theme', 'lang'] })
  signal.addEventListener('abort', () => observer.disconnect())
  for (const type of ['resize', 'scroll']) {
    globalThis.visualViewport?.addEventListener(type, change, { signal })
  }
}

/** The loader of the translation for an element, by its own `lang` or that of the page; undefined for English. */
export function translationOf(element: Element): ReturnType<typeof findTranslation> {
  return findTranslation(element.closest('[lang]')?.getAttribute('lang') ?? '')
}

/** The widget's own theme, else the page's; empty if the system decides. */
export function readTheme(asked: string): string {
  const themes = [asked, document.documentElement.dataset['theme']]
  return themes.find((theme) => theme === 'light' || theme === 'dark') ?? ''
}

/**
 * How many pixels of the window are out of sight: above, because a keyboard scrolled the page, and below, because the
 * keyboard covers them. Pinch zoom is ignored.
 */
export function readCovered(): { above: number; below: number } {
  const viewport = globalThis.visualViewport
  if (!viewport || viewport.scale > 1.01) return { above: 0, below: 0 }
  const { offsetTop, height } = viewport
  return { above: offsetTop, below: Math.max(0, innerHeight - height - offsetTop) }
}
