import { describeFault } from '../../errors.ts'
import type { EndedTurn } from '../../turn/complete-turn.ts'
import type { Rendering } from '../protocols/protocols.ts'
import {
  answerMs,
  type LiveEnd,
  type LiveMessage,
  readEnded,
  writeLiveMessage,
} from './live-message.ts'

/** The part of a Durable Object binding that the Worker uses. */
export interface LiveReplyObjects {
  getByName(replyId: string): { fetch: (request: Request) => Promise<Response> }
}

/** An answer of the object of a reply. `unknown`: it failed or was silent, so it may have done what it was asked. */
export type LiveAnswer<Value> = { here: Value } | 'not_here' | 'unknown'

/** The object of one reply, as the Worker calls it. Nothing rejects. */
export interface LiveReplyCalls {
  /** Starts the object, for a turn that may begin. Only an object that has answered is sent a turn. */
  wake(): Promise<boolean>
  run(message: Message<'run'> & { rendering: Rendering }): Promise<LiveAnswer<ReadableStream>>
  runToEnd(message: Message<'run'>): Promise<LiveAnswer<Promise<EndedTurn>>>
  join(message: Message<'join'>): Promise<ReadableStream | undefined>
  /** Resolves once the turn has ended, or if it is not here. */
  stop(message: Message<'stop'>): Promise<void>
  /** @returns whether the turn has ended */
  endUnwatched(): Promise<boolean>
  moved(message: Message<'moved'>): Promise<void>
  erased(): Promise<void>
}

type Message<Kind> = Omit<Extract<LiveMessage, { kind: Kind }>, 'kind'>

/** The longest wait for an object to start. */
const wakeMs = 1_500
/** For the end of a turn, the object itself waits up to 10 s. */
const endMs = 12_000
/** For news of a session: without an answer, the reply's checkpoints tell it what they can. */
const newsMs = 1_500

/** @param objects undefined without the binding */
export function liveReply(
  objects: LiveReplyObjects | undefined,
  { replyId, requestId }: { replyId: string; requestId: string },
): LiveReplyCalls | undefined {
  if (!objects) return undefined
  const object = objects.getByName(replyId)
  let waking: Promise<boolean> | undefined

  async function ask(message: LiveMessage, timeoutMs = answerMs): Promise<LiveAnswer<Response>> {
    const body = writeLiveMessage(message)
    try {
      const asked = object.fetch(new Request('https://live-reply/', { method: 'POST', body }))
      const response = await within(timeoutMs, asked)
      if (response === 'late') return unknown(message, { reason: 'silent' })
      return response.ok ? { here: response } : 'not_here'
    } catch (error) {
      return unknown(message, { reason: 'failed', fault: describeFault(error) })
    }
  }

  function wake(): Promise<boolean> {
    waking ??= ask({ kind: 'wake' }, wakeMs).then((answer) => typeof answer !== 'string')
    return waking
  }

  function unknown({ kind }: LiveMessage, why: object): 'unknown' {
    const ids = { request_id: requestId, reply_id: replyId }
    console.log(JSON.stringify({ ...ids, code: 'live_reply_failed', ask: kind, ...why }))
    return 'unknown'
  }

  async function askToRun(message: LiveMessage): Promise<LiveAnswer<ReadableStream>> {
    // An object that did not wake has not got the turn: the Worker may run it.
    const answer = (await wake()) ? await ask(message) : 'not_here'
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
    wake,
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
    async stop(message) {
      await askToEnd({ kind: 'stop', ...message })
    },
    endUnwatched: () => askToEnd({ kind: 'end_unwatched' }),
    async moved(message) {
      await ask({ kind: 'moved', ...message }, newsMs)
    },
    async erased() {
      await ask({ kind: 'erased' }, newsMs)
    },
  }
}

async function within<Value>(ms: number, coming: Promise<Value>): Promise<Value | 'late'> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), ms)
  })
  try {
    return await Promise.race([coming, late])
  } finally {
    clearTimeout(timer)
  }
}
