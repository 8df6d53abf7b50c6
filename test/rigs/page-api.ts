import type { Chat } from './visit-page.ts'
import { visitorIdOf } from './visitor-id.ts'

interface StoredMessage {
  id: string
  role: string
  content: string
  status: string
  feedback?: { rating: string }
}

/** Calls the API as the visitor of the page. `:session` in the path stands for the session that the widget shows. */
export function callApi(
  { page }: Chat,
  path: string,
  init: { method?: string; body?: unknown } = {},
) {
  return page.evaluate(
    async ([url, { method = 'GET', body }]) => {
      const read = (name: string) => {
        const key = Object.keys(localStorage).find((each) => each.endsWith(name))
        return localStorage.getItem(key ?? '') ?? ''
      }
      const response = await fetch(url.replace(':session', read(':session')), {
        method,
        headers: {
          authorization: `Bearer ${read(':token')}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return response.json()
    },
    [path, init] as const,
  )
}

/** The messages of the session that the widget shows, as the server has stored them. */
export async function storedMessages(chat: Chat): Promise<StoredMessage[]> {
  const { data } = await callApi(chat, '/v1/sessions/:session/messages')
  return data
}

/** The id under which the database knows the visitor of the page. */
export async function userIdOf({ page }: Chat): Promise<string> {
  const token = await page.evaluate(() => {
    const key = Object.keys(localStorage).find((name) => name.endsWith(':token'))
    return localStorage.getItem(key ?? '') ?? ''
  })
  return visitorIdOf(token)
}
