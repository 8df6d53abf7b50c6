import { once } from 'node:events'
import http from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { listen } from '../../scripts/dev/listen.ts'

/** What a model server sends, packet by packet; `headers` replace those of an event stream. */
export interface Script {
  packets: Iterable<string | Uint8Array>
  /** 200 if absent. */
  status?: number
  headers?: Record<string, string>
}

export interface ScriptedModel {
  /** As OPENAI_BASE_URL wants it. */
  baseUrl: string
  /** Answers a completion. The newest message distinguishes turns that run at the same time. */
  script: (message: string) => Script
  /** The newest message of each completion requested so far. */
  calls: string[]
  close(): Promise<void>
}

/** A model server that sends exactly these bytes, valid or not. */
export async function startScriptedModel(): Promise<ScriptedModel> {
  const server = http.createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy())
  })
  server.keepAliveTimeout = 0

  async function answer(request: http.IncomingMessage, response: http.ServerResponse) {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { messages } = JSON.parse(Buffer.concat(chunks).toString()) as {
      messages: { content: string }[]
    }
    const message = messages.at(-1)?.content ?? ''
    model.calls.push(message)
    const { packets, status = 200, headers } = model.script(message)
    response.writeHead(status, headers ?? { 'content-type': 'text/event-stream' })
    for (const packet of packets) {
      if (!response.write(packet)) await once(response, 'drain')
      // Sends each packet on its own.
      await nextTurn()
    }
    response.end()
  }

  const model: ScriptedModel = {
    baseUrl: `http://127.0.0.1:${await listen(server)}/v1`,
    script: () => ({ packets: [] }),
    calls: [],
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
  return model
}

/** A server-sent event with this chunk. */
export function event(chunk: unknown): string {
  return `data: ${JSON.stringify(chunk)}\n\n`
}

export function delta(content: unknown): string {
  return event({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })
}

export function finished(reason: unknown = 'stop'): string {
  return event({ choices: [{ index: 0, delta: {}, finish_reason: reason }] })
}

export const usage = event({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 3 } })
export const done = 'data: [DONE]\n\n'
