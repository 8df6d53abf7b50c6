import type { Page, Session } from '../../protocol.ts'
import type { ApiCall } from '../client/api-call.ts'
import { button, el } from '../dom/elements.ts'
import type { Words } from '../words/words.ts'
import { createSessionRow, type SessionRow } from './session-row.ts'
import styles from './session-list.css'

/** The conversation's part in the list. */
export interface SessionActions {
  /** Without a token there is no user, so no session to list. */
  hasToken: () => boolean
  call: ApiCall
  words: () => Words
  /** The reason of a failed call, for the visitor. */
  explain: (error: unknown) => string
  currentSession: () => string | undefined
  openSession: (id: string) => void
  sessionChanged: (id: string, change: 'renamed' | 'deleted') => void
}

export interface SessionList {
  /** Reads and shows the newest sessions. */
  refresh: () => Promise<void>
}

let sheet: CSSStyleSheet | undefined

/** Fills `node` with the visitor's past sessions, latest first. A chunk of its own: most visitors never open it. */
export function createSessionList(node: HTMLElement, actions: SessionActions): SessionList {
  const words = actions.words()
  const rows = new Map<string, SessionRow>()
  const notice = el('p', { class: 'notice', 'aria-live': 'polite' })
  const list = el('ul')
  const more = button({ class: 'word', hidden: '' }, () => void readOn(), words.loadMore)
  let cursor: string | undefined
  node.replaceChildren(notice, list, more)
  addStyles(node)

  async function refresh(): Promise<void> {
    if (rows.size === 0) notice.textContent = words.loading
    await attempt(async () => {
      const page = actions.hasToken() ? await read() : { data: [], next_cursor: null }
      const ids = new Set(page.data.map(({ id }) => id))
      for (const id of rows.keys()) if (!ids.has(id)) drop(id)
      show(page, 0)
      if (rows.size === 0) notice.textContent = words.noSessions
    })
  }

  async function readOn(): Promise<void> {
    await attempt(async () => {
      const page = await read(`?${new URLSearchParams({ cursor: cursor! })}`)
      show(page, rows.size)
      // The pressed button may be gone: move its focus to the first new row.
      rows.get(page.data[0]?.id ?? '')?.focus()
    })
  }

  async function read(query = ''): Promise<Page<Session>> {
    const response = await actions.call('GET', `/v1/sessions${query}`)
    const page: Page<Session> = await response.json()
    return page
  }

  function show({ data, next_cursor }: Pick<Page<Session>, 'data' | 'next_cursor'>, start: number) {
    for (const [index, session] of data.entries()) {
      const row = rows.get(session.id) ?? createRow(session.id)
      row.show(session, session.id === actions.currentSession())
      // A row that stays in place is not moved, so it keeps the focus.
      const inPlace = list.children[start + index]
      if (inPlace !== row.node) list.insertBefore(row.node, inPlace ?? null)
    }
    cursor = next_cursor ?? undefined
    more.hidden = cursor === undefined
  }

  function createRow(id: string): SessionRow {
    const row = createSessionRow(words, {
      open: () => actions.openSession(id),
      rename: (title) =>
        attempt(async () => {
          await actions.call('PATCH', `/v1/sessions/${id}`, { body: { title } })
          actions.sessionChanged(id, 'renamed')
          await refresh()
        }),
      remove: () =>
        attempt(async () => {
          await actions.call('DELETE', `/v1/sessions/${id}`)
          actions.sessionChanged(id, 'deleted')
          const next = row.node.nextElementSibling ?? row.node.previousElementSibling
          drop(id)
          ;(next?.querySelector('button') ?? node).focus()
          await refresh()
        }),
    })
    rows.set(id, row)
    return row
  }

  function drop(id: string): void {
    rows.get(id)?.node.remove()
    rows.delete(id)
  }

  /** Returns whether `run` succeeded. Otherwise shows the reason. */
  async function attempt(run: () => Promise<void>): Promise<boolean> {
    try {
      await run()
      if (rows.size > 0) notice.textContent = ''
      return true
    } catch (error) {
      notice.textContent = actions.explain(error)
      return false
    }
  }

  return { refresh }
}

function addStyles(node: HTMLElement): void {
  const root = node.getRootNode()
  if (!(root instanceof ShadowRoot)) return
  if (!sheet) {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(styles)
  }
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet)
}
