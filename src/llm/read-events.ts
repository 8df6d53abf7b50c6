import { createParser } from 'eventsource-parser'

/**
 * The data of a response's server-sent events (WHATWG HTML, 9.2), as the events of one network packet at a time. An event
 * without data is no event, so a keep-alive frame passes unseen.
 * @throws the reason of `signal` once it is aborted; what the body throws if it breaks off
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<string[], void> {
  let events: string[] = []
  const parser = createParser({ onEvent: ({ data }) => events.push(data) })
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
