import { type Context, Hono } from 'hono'
import { accepts } from 'hono/accepts'
import { limits } from '../../limits.ts'
import { ChatRequest } from '../../protocol.ts'
import type { ContinueRequest, TurnRequest } from '../../turn/turn.ts'
import { watch } from '../../turn/watch.ts'
import type { AppEnv } from '../app-env.ts'
import { jsonBody } from '../json.ts'
import { openTurn } from '../open-turn.ts'
import { renderNative, serverTiming, startedEvent, turnResponse } from '../protocols/native.ts'
import { sseResponse } from '../sse.ts'

export const chat = new Hono<AppEnv>().post('/', jsonBody(ChatRequest), async (c) => {
  const body = c.req.valid('json')
  const isStream = wantsStream(c)
  const historyLimit = isStream ? 0 : (body.history_limit ?? limits.historyMessages)
  const request = toTurnRequest(body, c.req.header('last-event-id'))
  const turn = await openTurn(c, request, { historyLimit })
  if (isStream) {
    const render = renderNative(c.get('requestId'), (ended) => ({
      server_timing: serverTiming(turn, ended),
    }))
    return sseResponse(
      c,
      watch(turn.progress, placeIn(turn.progress.text, request)),
      render,
      startedEvent(turn),
    )
  }
  const ended = await turn.progress.ended
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

/** `Last-Event-ID` is the length of the text that the client knows. */
function continueOf(replyId: string, lastEventId = ''): ContinueRequest {
  return { replyId, from: /^\d{1,9}$/.test(lastEventId) ? Number(lastEventId) : undefined }
}

/** A client that knows more than is stored gets all of it: its text begins anew. */
function placeIn(stored: string, { continues }: TurnRequest): number {
  const from = continues?.from ?? 0
  return from <= stored.length ? from : 0
}

function wantsStream(c: Context<AppEnv>): boolean {
  const supports = ['application/json', 'text/event-stream']
  const type = accepts(c, { header: 'Accept', supports, default: 'application/json' })
  return type === 'text/event-stream'
}
