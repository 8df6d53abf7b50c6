import { el } from '../dom/elements.ts'
import type { PanelWords } from '../words/words.ts'
import type { SessionActions, SessionList } from './session-list.ts'

export interface SessionsView {
  readonly node: HTMLElement
  /** Reads the newest sessions, unless the list is hidden. */
  refresh: () => Promise<void>
}

/** The place of the list of past sessions. The list itself is loaded when it is first opened. */
export function createSessionsView(
  words: PanelWords,
  ready: () => Promise<unknown>,
  actions: () => SessionActions,
): SessionsView {
  const node = el('section', {
    id: 'sessions',
    'aria-label': words.sessions,
    tabindex: '-1',
    hidden: true,
  })
  let list: Promise<SessionList> | undefined

  async function load(): Promise<SessionList> {
    const [{ createSessionList }] = await Promise.all([import('./session-list.ts'), ready()])
    return createSessionList(node, actions())
  }

  return {
    node,
    async refresh() {
      if (node.hidden) return
      try {
        await (await (list ??= load())).refresh()
      } catch {
        // A file of the chat could not be loaded. The list reports its own failures.
        list = undefined
        node.textContent = words.network
      }
    },
  }
}
