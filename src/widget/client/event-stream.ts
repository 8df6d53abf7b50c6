export interface ServerSentEvent {
  event: string
  data: string
  id: string
}

/**
 * A parser of `text/event-stream` that takes the text in any pieces and returns the events each
 * piece completed (WHATWG HTML, "server-sent events"): CR, LF or CRLF line ends, also split
 * between two pieces, data of several lines, comments, an id that holds until the next one.
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
 * The events of a response's body as they come; `onBytes` is told of every sign of life, comments
 * too. What is left at the end without its blank line is no event. Leaving the loop early cancels
 * the body.
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
