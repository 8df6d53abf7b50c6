import { type Context, Hono } from 'hono'
import { accepts } from 'hono/accepts'
import { invalidRequest } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { ChatRequest } from '../../protocol.ts'
import type { ContinueRequest, TurnRequest } from '../../turn/turn.ts'
import { awaitTurn, streamTurn } from '../answer-turn.ts'
import type { AppEnv } from '../app-env.ts'
import { jsonBody } from '../json.ts'
import { ownStream, serverTiming, turnResponse } from '../protocols/native.ts'

export const chat = new Hono<AppEnv>().post('/', jsonBody(ChatRequest), async (c) => {
  const body = c.req.valid('json')
  const request = toTurnRequest(body, c.req.header('last-event-id'))
  if (wantsStream(c))
    return streamTurn(c, request, (turn, from) => ownStream(turn, c.get('requestId'), from))
  const historyLimit = body.history_limit ?? limits.historyMessages
  const { turn, ended } = await awaitTurn(c, request, { historyLimit })
  c.header('server-timing', serverTiming(turn, ended))
  return c.json(turnResponse(turn, ended))
})

function toTurnRequest(body: ChatRequest, lastEventId: string | undefined): TurnRequest {
  return {
    message: body.message,
    contextText: body.context_text,
    metadata: body.metadata,
    sessionId: body.session_id,
    messageId: body.message_id,
    regenerate: body.regenerate,
    continues: body.continue === undefined ? undefined : continueOf(body.continue, lastEventId),
  }
}

/**
 * `Last-Event-ID` is the length of the text that the client knows. If it is malformed, it must not be ignored: without it,
 * a request that is sent twice may continue twice.
 */
function continueOf(replyId: string, lastEventId: string | undefined): ContinueRequest {
  if (lastEventId === undefined) return { replyId }
  if (/^\d{1,9}$/.test(lastEventId)) return { replyId, from: Number(lastEventId) }
  throw invalidRequest([{ field: 'last-event-id', message: 'must be a whole number' }])
}

function wantsStream(c: Context<AppEnv>): boolean {
  const supports = ['application/json', 'text/event-stream']
  const type = accepts(c, { header: 'Accept', supports, default: 'application/json' })
  return type === 'text/event-stream'
}
