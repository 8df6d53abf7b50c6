import http from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { listen } from '../../scripts/dev/listen.ts'

/** The answer of the model: everything it was sent, including headers and key, as an indiscreet provider might. */
export type Echo = 'error' | 'error code' | 'error chunk' | 'nonsense' | 'html'

export interface EchoingModel {
  /** As `OPENAI_BASE_URL` wants it. */
  baseUrl: string
  echo: Echo
  /** The path and query of each called URL. */
  paths: string[]
  close(): Promise<void>
}

export async function startEchoingModel(): Promise<EchoingModel> {
  const server = http.createServer((request, response) => {
    model.paths.push(request.url ?? '')
    void readText(request).then((body) =>
      answer(model.echo, `${JSON.stringify(request.headers)} ${body}`, response),
    )
  })
  const model: EchoingModel = {
    baseUrl: `http://127.0.0.1:${await listen(server)}/v1`,
    echo: 'error',
    paths: [],
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
  return model
}

function answer(echo: Echo, everything: string, response: http.ServerResponse): void {
  const error = (code: string | null) => JSON.stringify({ error: { message: everything, code } })
  const stream = (data: string) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${data}\n\n`)
  }
  switch (echo) {
    case 'error':
      response.writeHead(401, { 'content-type': 'application/json' }).end(error(null))
      return
    case 'error code':
      response.writeHead(400, { 'content-type': 'application/json' }).end(error(everything))
      return
    case 'error chunk':
      stream(error(null))
      return
    case 'nonsense':
      stream(`{"choices":[{"delta":{"content":${JSON.stringify(everything)}`)
      return
    case 'html':
      response.writeHead(500, { 'content-type': 'text/html' }).end(`<pre>${everything}</pre>`)
      return
  }
}
