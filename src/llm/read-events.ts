import { createParser, type EventSourceMessage } from 'eventsource-parser'

/**
 * The server-sent events of a text (WHATWG HTML, 9.2), those of one packet at a time.
 * @param maxChars of one event: a server that never ends one must not fill the memory
 * @throws SyntaxError if an event is longer
 */
export async function* readEvents(
  texts: AsyncIterable<string>,
  maxChars: number,
): AsyncGenerator<EventSourceMessage[], void> {
  let events: EventSourceMessage[] = []
  let isTooLong = false
  const parser = createParser({
    maxBufferSize: maxChars,
    onEvent: (event) => events.push(event),
    onError: ({ type }) => {
      isTooLong ||= type === 'max-buffer-size-exceeded'
    },
  })
  for await (const text of texts) {
    parser.feed(text)
    if (events.length > 0) {
      yield events
      events = []
    }
    if (isTooLong) throw new SyntaxError('An event is too long')
  }
}
