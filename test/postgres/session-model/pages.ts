import type { Message, Page } from '../../../src/protocol.ts'
import type { Client } from '../../rigs/client.ts'

/** All messages of a session, oldest first, read page by page from one end to the other. */
export async function readPages(
  client: Client,
  sessionId: string,
  options: { limit: number; direction: 'before' | 'after'; superseded: boolean },
): Promise<Message[]> {
  const { limit, direction, superseded } = options
  const messages: Message[] = []
  for (let cursor = direction === 'after' ? '0' : null; ;) {
    const place = cursor === null ? '' : `&${direction}=${cursor}`
    const query = `limit=${limit}&superseded=${superseded}${place}`
    const page: Page<Message> = await client.expect(
      200,
      'GET',
      `/v1/sessions/${sessionId}/messages?${query}`,
    )
    if (direction === 'after') messages.push(...page.data)
    else messages.unshift(...page.data)
    if (!page.has_more) return messages
    cursor = page.next_cursor
  }
}
