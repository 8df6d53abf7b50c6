import { type Context, Hono } from 'hono'
import { accepts } from 'hono/accepts'
import type { AppEnv } from '../app-env.ts'
import type { EndedTurn } from '../../turn/complete-turn.ts'
import { type StartedTurn, startTurn } from '../../turn/start-turn.ts'
import type { TurnProgress } from '../../turn/turn-progress.ts'
import { Problem } from '../../errors.ts'
import { clientAddress, missingCredential, userOrNewVisitor } from '../caller.ts'
import { jsonBody } from '../json.ts'
import { limits } from '../../limits.ts'
import { ChatRequest, type ChatResponse } from '../../protocol.ts'
import {
  eventResponse,
  failedEvent,
  isRetryable,
  type TurnEvent,
  turnFrames,
} from '../event-stream.ts'
import { replayTurn, runTurn } from '../run-turn.ts'

export const chat = new Hono<AppEnv>().post('/', jsonBody(ChatRequest), async (c) => {
  const request = c.req.valid('json')
  if (request.session_id !== undefined && c.get('userId') === undefined) throw missingCredential()
  const { userId, visitorToken } = await userOrNewVisitor(c)
  const deps = c.get('deps')
  const address = clientAddress(c.req.raw.headers)
  const starting = startTurn(deps, { userId, address }, request)
  // Who leaves by now may find the message stored, so it is answered too.
  c.executionCtx.waitUntil(starting.catch(() => {}))
  const turn = await starting
  const isStream = wantsStream(c)
  const historyLimit = isStream ? 0 : (request.history_limit ?? limits.historyMessages)
  const { next } = turn
  const progress =
    'run' in next
      ? runTurn(c, next.run, historyLimit)
      : await replayTurn(c, userId, turn.sessionId, next.replay, historyLimit)
  const answer = {
    session_id: turn.sessionId,
    ...(visitorToken && { visitor_token: visitorToken }),
    ...('replay' in next && { replayed: true as const }),
  }
  if (isStream) return streamed(c, turn, progress, answer)
  const ended = await progress.ended
  c.header('server-timing', serverTiming(turn, ended))
  return c.json(whole(turn, ended, answer))
})

type Answer = Pick<ChatResponse, 'session_id' | 'visitor_token' | 'replayed'>

function wantsStream(c: Context<AppEnv>): boolean {
  const supports = ['application/json', 'text/event-stream']
  const type = accepts(c, { header: 'Accept', supports, default: 'application/json' })
  return type === 'text/event-stream'
}

/** @throws Problem where there is no reply to show; the message is stored, and the same `message_id` tries again */
function whole(turn: StartedTurn, ended: EndedTurn, answer: Answer): ChatResponse {
  const { reply, history, problem } = ended
  if (reply === undefined) {
    const { code, options } = problem ?? new Problem('internal_error')
    const members = { ...answer, message_id: turn.message.id, retryable: isRetryable(code) }
    throw new Problem(code, { ...options, members: { ...options.members, ...members } })
  }
  return {
    ...answer,
    reply,
    history: history?.messages ?? [],
    has_more: history?.hasMore ?? true,
  }
}

function streamed(
  c: Context<AppEnv>,
  turn: StartedTurn,
  progress: TurnProgress<EndedTurn>,
  answer: Answer,
): Response {
  const { next, message } = turn
  const replyId = 'run' in next ? next.run.key.replyId : next.replay.reply.id
  const started: TurnEvent = {
    name: 'turn.started',
    data: { ...answer, message, reply_id: replyId },
  }
  const requestId = c.get('requestId')
  const last = (ended: EndedTurn) => lastEvent(turn, ended, requestId)
  return eventResponse(c, turnFrames(progress, started, last))
}

function lastEvent(turn: StartedTurn, ended: EndedTurn, requestId: string): TurnEvent {
  const { reply, problem } = ended
  const server_timing = serverTiming(turn, ended)
  if (reply?.status === 'complete')
    return { name: 'turn.completed', data: { reply, server_timing } }
  const fault = problem ?? new Problem('interrupted')
  return failedEvent(fault, requestId, { ...(reply && { reply }), server_timing })
}

/** As in the `Server-Timing` header (W3C Server Timing, 3.2). */
function serverTiming(turn: StartedTurn, { modelMs, databaseMs }: EndedTurn): string {
  return `db;dur=${turn.databaseMs + databaseMs}, model;dur=${modelMs}`
}
