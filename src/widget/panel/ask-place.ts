import type { PanelWords } from '../words/words.ts'
import type { AskButton } from './ask-button.ts'

export interface AskPlace {
  setEnabled: (isEnabled: boolean) => void
  /** Watches the selection on the page until `signal` is aborted. */
  watch: (signal: AbortSignal) => void
}

/** The place of the button beside selected text. The button is loaded when text of the page is first selected. */
export function createAskPlace(
  place: HTMLElement,
  words: PanelWords,
  ask: (quotation: string) => void,
): AskPlace {
  let isEnabled = true
  let button: AskButton | undefined
  let loading: Promise<void> | undefined

  async function load(signal: AbortSignal): Promise<void> {
    const { createAskButton } = await import('./ask-button.ts')
    button = createAskButton(words, ask)
    button.setEnabled(isEnabled)
    place.append(button.node)
    button.watch(signal)
  }

  return {
    setEnabled(next) {
      isEnabled = next
      button?.setEnabled(next)
    },
    watch(signal) {
      const start = () => {
        if (!isEnabled || document.getSelection()?.isCollapsed !== false) return
        loading ??= load(signal).catch(() => {
          loading = undefined
        })
      }
      document.addEventListener('selectionchange', start, { signal })
    },
  }
}
