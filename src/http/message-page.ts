import type { History } from '../db/messages.ts'
import type { Message, Page } from '../protocol.ts'

/** The next page continues before the oldest message of this one, or after its newest if the pages go forwards. */
export function messagePage(
  { messages: data, hasMore }: History,
  { after }: { after?: number | undefined },
): Page<Message> {
  const edge = after === undefined ? data.at(0) : data.at(-1)
  return {
    data,
    has_more: hasMore,
    next_cursor: hasMore && edge !== undefined ? String(edge.seq) : null,
  }
}
