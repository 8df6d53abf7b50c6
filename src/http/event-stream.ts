import type { Context } from 'hono'
import type { EndedTurn } from '../turn/complete-turn.ts'
import type { TurnProgress } from '../turn/turn-progress.ts'
import type { Problem, ProblemCode } from '../errors.ts'
import type { Message, TurnEvents } from '../protocol.ts'

export type TurnEvent = {
  [Name in keyof TurnEvents]: { name: Name; data: TurnEvents[Name] }
}[keyof TurnEvents]

const keepAliveMs = 15_000
/** Keeps proxies from closing a stream where nothing happens. */
export const comment = ':\n\n'

/**
 * A response of server-sent events (WHATWG HTML, 9.2). Pulled by the client: a slow one slows nothing but this, and
 * one that leaves ends nothing else.
 */
export function eventResponse(
  c: Pick<Context, 'body'>,
  frames: AsyncGenerator<string, void>,
): Response {
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await frames.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
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

/** A turn of this request: `first`, the text as it grows, `last`. What was not read yet comes as one delta. */
export async function* turnFrames(
  progress: TurnProgress<EndedTurn>,
  first: TurnEvent,
  last: (ended: EndedTurn) => TurnEvent,
): AsyncGenerator<string, void> {
  yield frame(first, 0)
  for (let sent = 0; ;) {
    const news = await within(keepAliveMs, progress.moreThan(sent))
    if (!news) {
      yield comment
    } else if (progress.text.length > sent) {
      const text = progress.text.slice(sent)
      sent += text.length
      yield frame({ name: 'delta', data: { text } }, sent)
    } else {
      yield frame(last(await progress.ended), sent)
      return
    }
  }
}

/** @param reply where text was kept: then there is nothing to try again */
export function failedEvent(
  problem: Problem,
  requestId: string,
  details: { reply?: Message; server_timing?: string },
): TurnEvent {
  const retryable = details.reply === undefined && isRetryable(problem.code)
  const data = { ...problem.toJSON(), request_id: requestId, retryable, ...details }
  return { name: 'turn.failed', data }
}

/** Whether the same `message_id` may be sent again. */
export function isRetryable(code: ProblemCode): boolean {
  return code !== 'session_deleted'
}

/** JSON has no raw line breaks, so that no text can end an event or begin another. */
export function frame({ name, data }: TurnEvent, id: number): string {
  return `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`
}

async function within(timeoutMs: number, event: Promise<void>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs)
  })
  const inTime = await Promise.race([event.then(() => true), late])
  clearTimeout(timer)
  return inTime
}
