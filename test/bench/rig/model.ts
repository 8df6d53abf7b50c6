import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { listen } from '../../../scripts/dev/listen.ts'
import { turn } from '../turn-form.ts'

export interface BenchModel {
  /** For `OPENAI_BASE_URL`. */
  baseUrl: string
  /** When the last call began, on the clock of `performance.now()`. */
  calledAt: number
  /** When each piece of the last reply was sent. */
  sentAt: number[]
  close(): Promise<void>
}

/**
 * A model server that does as little as possible, so that it takes no time from what is measured.
 * @param reply.tokens of each reply; `paceMs` is the pause after each, 0 for a reply in one piece
 */
export async function startModel(reply: { tokens: number; paceMs: number }): Promise<BenchModel> {
  const server = createServer((request, response) => {
    model.calledAt = performance.now()
    request.resume().once('end', () => {
      model.sentAt = []
      void send(response, reply, model.sentAt)
    })
  })
  server.keepAliveTimeout = 0
  const model: BenchModel = {
    baseUrl: `http://127.0.0.1:${await listen(server)}/v1`,
    calledAt: 0,
    sentAt: [],
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
  return model
}

async function send(
  response: ServerResponse,
  { tokens, paceMs }: { tokens: number; paceMs: number },
  sentAt: number[],
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const beginsAt = performance.now()
  for (let count = 1; count <= tokens; count += 1) {
    sentAt.push(performance.now())
    response.write(token)
    const pauseMs = beginsAt + count * paceMs - performance.now()
    if (pauseMs > 0) await sleep(pauseMs)
  }
  response.end(ending)
}

const event = (chunk: object) =>
  `data: ${JSON.stringify({ id: 'bench', object: 'chat.completion.chunk', created: 1, model: 'bench', ...chunk })}\n\n`
const token = event({ choices: [{ index: 0, delta: { content: ' word' }, finish_reason: null }] })
const ending = [
  event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
  event({ choices: [], usage: { ...turn.usage, total_tokens: 1_188 } }),
  'data: [DONE]\n\n',
].join('')
