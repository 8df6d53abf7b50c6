import { createParser, type EventSourceMessage } from 'eventsource-parser'

/**
 * Reads server-sent events (WHATWG HTML, 9.2), given their text packet by packet.
 * @param maxChars of one event: a server that never ends one must not fill the memory
 * @returns a function that returns the events that a packet completes; throws SyntaxError if an event is longer
 */
export function createEventReader(maxChars: number): (packet: string) => EventSourceMessage[] {
  let events: EventSourceMessage[] = []
  let isTooLong = false
  const parser = createParser({
    maxBufferSize: maxChars,
    onEvent: (event) => events.push(event),
    onError: ({ type }) => {
      isTooLong ||= type === 'max-buffer-size-exceeded'
    },
  })
  return (packet) => {
    events = []
    parser.feed(packet)
    if (isTooLong) throw new SyntaxError('An event is too long')
    return events
  }
}
