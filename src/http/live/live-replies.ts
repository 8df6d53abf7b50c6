import { describeFault } from '../../errors.ts'
import type { EndedTurn } from '../../turn/complete-turn.ts'
import type { Rendering } from '../protocols/protocols.ts'
import { type LiveEnd, type LiveMessage, readEnded, writeLiveMessage } from './live-message.ts'

/** The part of a Durable Object binding that the Worker uses. */
export interface LiveReplyObjects {
  getByName(replyId: string): { fetch: (request: Request) => Promise<Response> }
}

/** What the object of a reply answered. `unknown`: it failed or was silent, so it may have done what it was asked. */
export type LiveAnswer<Value> = { here: Value } | 'not_here' | 'unknown'

/** The object of one reply, as the Worker calls it. Nothing rejects. */
export interface LiveReplyCalls {
  /** Starts the object, for a turn that may begin. */
  wake(): Promise<void>
  run(message: Message<'run'> & { rendering: Rendering }): Promise<LiveAnswer<ReadableStream>>
  runToEnd(message: Message<'run'>): Promise<LiveAnswer<Promise<EndedTurn>>>
  join(message: Message<'join'>): Promise<ReadableStream | undefined>
  /** Resolves once the turn has ended, or if it is not here. */
  stop(): Promise<void>
  /** @returns whether the turn has ended */
  endUnwatched(): Promise<boolean>
  leave(message: Message<'leave'>): Promise<void>
}

type Message<Kind> = Omit<Extract<LiveMessage, { kind: Kind }>, 'kind'>

/** The longest wait for an object that begins to answer. */
const answerMs = 5_000
/** For the end of a turn, the object itself waits up to 10 s. */
const endMs = 12_000

/** @param objects undefined without the binding */
export function liveReply(
  objects: LiveReplyObjects | undefined,
  replyId: string,
): LiveReplyCalls | undefined {
  if (!objects) return undefined
  const object = objects.getByName(replyId)
  let isBroken = false

  async function ask(message: LiveMessage, timeoutMs = answerMs): Promise<LiveAnswer<Response>> {
    const body = writeLiveMessage(message)
    const asked = object.fetch(new Request('https://live-reply/', { method: 'POST', body }))
    try {
      const response = await within(timeoutMs, asked)
      return response.ok ? { here: response } : 'not_here'
    } catch (error) {
      const line = { reply_id: replyId, code: 'live_reply_failed', ask: message.kind }
      console.log(JSON.stringify({ ...line, fault: describeFault(error) }))
      return 'unknown'
    }
  }

  async function askToRun(message: LiveMessage): Promise<LiveAnswer<ReadableStream>> {
    // An object that could not even be woken did not get the turn: the Worker may run it.
    const answer = isBroken ? 'not_here' : await ask(message)
    if (typeof answer === 'string') return answer
    return answer.here.body ? { here: answer.here.body } : 'unknown'
  }

  async function askToEnd(message: LiveMessage): Promise<boolean> {
    const answer = await ask(message, endMs)
    if (typeof answer === 'string') return false
    const { ended } = (await answer.here.json().catch(() => ({ ended: false }))) as LiveEnd
    return ended
  }

  return {
    async wake() {
      isBroken = typeof (await ask({ kind: 'wake' })) === 'string'
    },
    run: (message) => askToRun({ kind: 'run', ...message }),
    async runToEnd(message) {
      const answer = await askToRun({ kind: 'run', ...message })
      if (typeof answer === 'string') return answer
      return { here: new Response(answer.here).text().then(readEnded) }
    },
    async join(message) {
      const answer = await ask({ kind: 'join', ...message })
      return typeof answer === 'string' ? undefined : (answer.here.body ?? undefined)
    },
    async stop() {
      await askToEnd({ kind: 'stop' })
    },
    endUnwatched: () => askToEnd({ kind: 'end_unwatched' }),
    async leave(message) {
      await ask({ kind: 'leave', ...message })
    },
  }
}

/** @throws Error if nothing has come after `ms` */
async function within<Value>(ms: number, coming: Promise<Value>): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('The object of a live reply did not answer')), ms)
  })
  try {
    return await Promise.race([coming, late])
  } finally {
    clearTimeout(timer)
  }
}
