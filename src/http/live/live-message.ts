import * as z from 'zod'
import { Problem, type ProblemCode, type ProblemOptions } from '../../errors.ts'
import type { EndedTurn } from '../../turn/complete-turn.ts'
import type { RunningTurn } from '../../turn/start-turn.ts'
import type { Rendering } from '../protocols/protocols.ts'

/**
 * The messages that the Worker sends to the object of a reply, one a request, as JSON. After a deploy, a Worker and an object of
 * different versions can meet: neither takes a message of another version. An object takes no message that arrives late
 * either, since its sender has given up on it. If their clocks differ so much, the Worker runs the turn itself.
 */
export type LiveMessage =
  /** Prepares the object for a turn that may begin. */
  | { kind: 'wake' }
  /** Runs the turn. Rendered, the answer is its stream; otherwise it is how the turn ended. */
  | {
      kind: 'run'
      turn: RunningTurn
      requestId: string
      historyLimit: number
      /** The place in the text at which the stream begins, in UTF-16 units. */
      from: number
      rendering?: Rendering | undefined
    }
  | { kind: 'join'; userId: string; sessionId: string; from: number; rendering: Rendering }
  /** Ends the turn that has this lease, also if it arrives before the turn does. Answered once it has ended. */
  | { kind: 'stop'; lease: string }
  /** Ends the turn if nobody watches it. Answered once it has ended. */
  | { kind: 'end_unwatched' }
  /** The session belongs to another user. */
  | { kind: 'moved'; userId: string }
  /** The session was erased. */
  | { kind: 'erased' }

/** To be raised with every change of a message, of `RunningTurn` or of `Rendering`. */
const liveVersion = 1

/** The longest wait for an object that begins to answer. It is less than any lease. */
export const answerMs = 5_000

export function writeLiveMessage(message: LiveMessage): string {
  return JSON.stringify({ version: liveVersion, sentAtMs: Date.now(), ...message })
}

const envelope = z.object({ version: z.literal(liveVersion), sentAtMs: z.number() })

/** @returns undefined for a message of another version, or one that is late */
export async function readLiveMessage(request: Request): Promise<LiveMessage | undefined> {
  // Only this Worker can reach the object, so the version vouches for the rest.
  const message: unknown = await request.json()
  const { data } = envelope.safeParse(message)
  if (data === undefined || Date.now() - data.sentAtMs > answerMs) return undefined
  return message as LiveMessage
}

/** Whether a turn has ended that was to be ended. */
export interface LiveEnd {
  ended: boolean
}

/** How a turn ended, as JSON: the cause of a problem stays in the object, which has logged it. */
export function writeEnded({ problem, ...ended }: EndedTurn): string {
  if (problem === undefined) return JSON.stringify(ended)
  const { cause: _, ...options } = problem.options
  return JSON.stringify({ ...ended, problem: { code: problem.code, options } })
}

export function readEnded(json: string): EndedTurn {
  const { problem, ...ended } = JSON.parse(json) as Omit<EndedTurn, 'problem'> & {
    problem?: { code: ProblemCode; options: ProblemOptions }
  }
  return { ...ended, ...(problem && { problem: new Problem(problem.code, problem.options) }) }
}
