/** Keeps proxies from closing a stream in which nothing happens. */
export const sseComment = ':\n\n'

export const sseHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
} as const

/** One event (WHATWG HTML, 9.2). JSON holds no raw line break, so no text can end an event or begin another. */
export function sseEvent({ name, id, data }: { name: string; id?: number; data: unknown }): string {
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`
}

/**
 * The body of a response, as its client pulls it: a slow client delays only its own stream, and one that leaves ends
 * nothing else.
 * @param news what happens, one pull at a time
 * @param render what is written for it
 * @param options.opening what is written first
 * @param options.onClose called once: at the end, or when the client has left
 */
export function streamOf<News>(
  news: AsyncGenerator<News, void>,
  render: (news: News) => string,
  { opening = '', onClose = () => {} }: { opening?: string; onClose?: () => void } = {},
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (opening !== '') controller.enqueue(encoder.encode(opening))
      },
      async pull(controller) {
        try {
          const { done, value } = await news.next()
          if (!done) return controller.enqueue(encoder.encode(render(value)))
          controller.close()
        } catch (error) {
          controller.error(error)
        }
        onClose()
      },
      cancel() {
        onClose()
        void news.return()
      },
    },
    { highWaterMark: 0 },
  )
}
