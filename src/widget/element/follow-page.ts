/**
 * Runs `change`, until `signal` is aborted, whenever the page changes its theme or language, or
 * something like an on-screen keyboard changes what of it can be seen.
 */
export function followPage(change: () => void, signal: AbortSignal): void {
  const observer = new MutationObserver(change)
  observer.observe(document.documentElement, { attributeFilter: ['data-theme', 'lang'] })
  signal.addEventListener('abort', () => observer.disconnect())
  for (const type of ['resize', 'scroll']) {
    globalThis.visualViewport?.addEventListener(type, change, { signal })
  }
}

/** What was asked for, else what the page says; empty where the system decides. */
export function readTheme(asked: string): string {
  const themes = [asked, document.documentElement.dataset['theme']]
  return themes.find((theme) => theme === 'light' || theme === 'dark') ?? ''
}

/**
 * What of the window a keyboard has pushed out at the top and covers at the bottom, in pixels. A
 * page that is zoomed by pinching is taken as if it were not.
 */
export function readCovered(): { above: number; below: number } {
  const viewport = globalThis.visualViewport
  if (!viewport || viewport.scale > 1.01) return { above: 0, below: 0 }
  const { offsetTop, height } = viewport
  return { above: offsetTop, below: Math.max(0, innerHeight - height - offsetTop) }
}
