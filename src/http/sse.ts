import type { Context } from 'hono'

/** Keeps proxies from closing a stream in which nothing happens. */
export const sseComment = ':\n\n'

/** One event (WHATWG HTML, 9.2). JSON holds no raw line break, so no text can end an event or begin another. */
export function sseEvent({ name, id, data }: { name: string; id?: number; data: unknown }): string {
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`
}

/**
 * A response of server-sent events. The client pulls them: a slow client delays only its own stream, and one that leaves
 * ends nothing else.
 * @param news what happens, one pull at a time
 * @param render what is written for it
 * @param opening what is written first
 */
export function sseResponse<News>(
  c: Pick<Context, 'body'>,
  news: AsyncGenerator<News, void>,
  render: (news: News) => string,
  opening = '',
): Response {
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (opening !== '') controller.enqueue(encoder.encode(opening))
      },
      async pull(controller) {
        const { done, value } = await news.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(render(value)))
      },
      cancel() {
        void news.return()
      },
    },
    { highWaterMark: 0 },
  )
  return c.body(body, 200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  })
}
