import type { EndedTurn } from '../chat/complete-turn.ts'
import type { TurnProgress } from '../chat/turn-progress.ts'
import type { TurnEvents } from '../protocol.ts'

export type TurnEvent = {
  [Name in keyof TurnEvents]: { name: Name; data: TurnEvents[Name] }
}[keyof TurnEvents]

const keepAliveMs = 15_000
const comment = ':\n\n'

/**
 * Server-sent events (WHATWG HTML, 9.2) of a turn: `first`, the text as it grows, `last`. Pulled by the client: what
 * a slow one has not read yet comes as one delta, and one that leaves stops nothing but this.
 */
export function eventStream(
  progress: TurnProgress<EndedTurn>,
  first: TurnEvent,
  last: (ended: EndedTurn) => TurnEvent,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const events = frames(progress, first, last)
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await events.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      },
    },
    { highWaterMark: 0 },
  )
}

async function* frames(
  progress: TurnProgress<EndedTurn>,
  first: TurnEvent,
  last: (ended: EndedTurn) => TurnEvent,
): AsyncGenerator<string, void> {
  yield frame(first, 0)
  for (let sent = 0; ; ) {
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
function frame({ name, data }: TurnEvent, id: number): string {
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
