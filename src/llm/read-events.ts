import { createParser, type EventSourceMessage } from 'eventsource-parser'

/**
 * The server-sent events of a response (WHATWG HTML, 9.2), those of one network packet at a time.
 * @throws the reason of `signal` once it is aborted; what the body throws if it breaks off
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage[], void> {
  let events: EventSourceMessage[] = []
  const parser = createParser({ onEvent: (event) => events.push(event) })
  const decoder = new TextDecoder()
  const reader = body.getReader()
  // Ends a read that waits. The cancellation of a body that broke off fails: nobody needs to know.
  const cancel = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', cancel, { once: true })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      signal.throwIfAborted()
      if (done) return
      parser.feed(decoder.decode(value, { stream: true }))
      if (events.length > 0) {
        yield events
        events = []
      }
    }
  } finally {
    signal.removeEventListener('abort', cancel)
    cancel()
  }
}
