import type { EndedTurn } from '../chat/complete-turn.ts'
import type { TurnProgress } from '../chat/turn-progress.ts'
import type { TurnEvents } from '../protocol.ts'

export type TurnEvent = {
  [Name in keyof TurnEvents]: { name: Name; data: TurnEvents[Name] }
}[keyof TurnEvents]

const keepAliveMs = 15_000
const comment = ':\n\n'

/**
 * A response body of server-sent events (WHATWG HTML, 9.2). Pulled by the client: a slow one slows nothing but this,
 * and one that leaves ends nothing else.
 */
export function eventStream(frames: AsyncGenerator<string, void>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await frames.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      },
    },
    { highWaterMark: 0 },
  )
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
