import { type Context, Hono } from 'hono'
import { accepts } from 'hono/accepts'
import { limits } from '../../limits.ts'
import { ChatRequest } from '../../protocol.ts'
import type { TurnRequest } from '../../turn/turn.ts'
import { awaitTurn, streamTurn } from '../answer-turn.ts'
import type { AppEnv } from '../app-env.ts'
import { jsonBody } from '../json.ts'
import { ownStream, serverTiming, turnResponse } from '../protocols/native.ts'

export const chat = new Hono<AppEnv>().post('/', jsonBody(ChatRequest), async (c) => {
  const body = c.req.valid('json')
  const request = toTurnRequest(body)
  if (wantsStream(c)) return streamTurn(c, request, (turn) => ownStream(turn, c.get('requestId')))
  const historyLimit = body.history_limit ?? limits.historyMessages
  const { turn, ended } = await awaitTurn(c, request, { historyLimit })
  c.header('server-timing', serverTiming(turn, ended))
  return c.json(turnResponse(turn, ended))
})

function toTurnRequest(body: ChatRequest): TurnRequest {
  return {
    message: body.message,
    contextText: body.context_text,
    metadata: body.metadata,
    sessionId: body.session_id,
    messageId: body.message_id,
    regenerate: body.regenerate,
  }
}

function wantsStream(c: Context<AppEnv>): boolean {
  const supports = ['application/json', 'text/event-stream']
  const type = accepts(c, { header: 'Accept', supports, default: 'application/json' })
  return type === 'text/event-stream'
}
