/**
 * The text of a body, packet by packet. A character that is split over two packets comes whole, with the second one.
 * Cancels the body when its reader stops.
 * @throws the reason of `signal` once it is aborted; what the body throws if it breaks off
 */
export async function* readTexts(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
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
      yield decoder.decode(value, { stream: true })
    }
  } finally {
    signal.removeEventListener('abort', cancel)
    cancel()
  }
}

/** The beginning of a text, whole up to about `maxChars`. */
export async function readBeginning(
  texts: AsyncIterable<string>,
  maxChars: number,
): Promise<string> {
  const pieces: string[] = []
  let chars = 0
  for await (const text of texts) {
    pieces.push(text)
    chars += text.length
    if (chars > maxChars) break
  }
  return pieces.join('')
}
