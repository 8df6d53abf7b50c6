export interface ServerSentEvent {
  event: string
  data: string
  id: string
}

/**
 * A parser of `text/event-stream` (WHATWG HTML, "server-sent events"). It takes the text in pieces of any size and
 * returns the events that each piece completes. It handles CR, LF and CRLF, also when split between two pieces, data of
 * several lines, comments, and an id that holds until the next one.
 */
export function createEventStreamParser(): (text: string) => ServerSentEvent[] {
  let rest = ''
  let endedInCarriageReturn = false
  let event = ''
  let data: string[] = []
  let id = ''

  return (text) => {
    if (text === '') return []
    const fresh = endedInCarriageReturn && text.startsWith('\n') ? text.slice(1) : text
    endedInCarriageReturn = fresh.endsWith('\r')
    const lines = (rest + fresh).split(/\r\n|\n|\r/)
    rest = lines.pop() ?? ''

    const events: ServerSentEvent[] = []
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) events.push({ event: event || 'message', data: data.join('\n'), id })
        event = ''
        data = []
        continue
      }
      const colon = line.indexOf(':')
      const field = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
      if (field === 'data') data.push(value)
      else if (field === 'event') event = value
      else if (field === 'id' && !value.includes('\0')) id = value
    }
    return events
  }
}

/**
 * Yields the events of a response's body as they arrive. Calls `onBytes` for all data, comments included. An event
 * without its blank line at the end is dropped. Leaving the loop cancels the body.
 */
export async function* readEventStream(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const parse = createEventStreamParser()
  const decoder = new TextDecoder()
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      onBytes()
      yield* parse(decoder.decode(value, { stream: true }))
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}
