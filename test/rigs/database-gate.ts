import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { checkpointText, statementsOf, type TurnCall, turnCall } from './turn-call.ts'

export interface GatedCall {
  kind: TurnCall | 'stop' | 'erase' | 'other'
  /** Among the calls of its kind, from 1. */
  nth: number
  /** Of a checkpoint: the reply so far, which it stores. */
  text: string
  /** Statements and parameters, as they were sent. */
  body: string
}

/** Of a call: it reached the gate, the database has carried it out, its answer has left. */
export type Moment = 'asked' | 'committed' | 'answered'

export interface DatabaseGate {
  /** The URL to give as NEON_HTTP_ENDPOINT. */
  url: string
  /** Waited for at each moment of each call; one that says `drop` ends the call there, unheard. */
  at: (call: GatedCall, moment: Moment) => Promise<'drop' | void>
  /** What the last checkpoint that was carried out has stored. */
  saved: string
  /** Resolves once no call is under way: what was asked is carried out or dropped. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** Stands between a Worker and the endpoint, where a test can meet each call and hold it. */
export async function startDatabaseGate(endpoint: string): Promise<DatabaseGate> {
  const underWay = new Set<Promise<void>>()
  const seen = new Map<GatedCall['kind'], number>()
  const server = http.createServer((request, response) => {
    const served = serve(request, response).catch(() => void response.destroy())
    underWay.add(served)
    void served.then(() => underWay.delete(served))
  })

  async function serve(request: http.IncomingMessage, response: http.ServerResponse) {
    const body = await buffer(request)
    const { kind, text } = read(body)
    const nth = (seen.get(kind) ?? 0) + 1
    seen.set(kind, nth)
    const call = { kind, nth, text, body: body.toString() }
    if ((await gate.at(call, 'asked')) === 'drop') return void response.destroy()

    const headers = Object.entries(request.headers).filter(([name]) => name.startsWith('neon-'))
    const answer = await fetch(endpoint, {
      method: 'POST',
      headers: Object.fromEntries(headers) as Record<string, string>,
      body: new Uint8Array(body),
    })
    const bytes = Buffer.from(await answer.arrayBuffer())
    if (kind === 'checkpoint') gate.saved = text
    if ((await gate.at(call, 'committed')) === 'drop') return void response.destroy()

    // Whoever asked may be gone by now.
    if (response.destroyed) return
    const left = Promise.race([once(response, 'finish'), once(response, 'close')])
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(bytes)
    await left
    await gate.at(call, 'answered')
  }

  const gate: DatabaseGate = {
    url: '',
    at: async () => {},
    saved: '',
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay)
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  await once(server.listen(0, '127.0.0.1'), 'listening')
  gate.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sql`
  return gate
}

function read(body: Buffer): Pick<GatedCall, 'kind' | 'text'> {
  const sent = statementsOf(body)
  const statements = sent.map(({ query }) => query)
  const kind = turnCall({ statements }) ?? otherCall(statements)
  return { kind, text: kind === 'checkpoint' ? checkpointText(sent) : '' }
}

function otherCall(statements: readonly string[]): GatedCall['kind'] {
  const has = (part: string) => statements.some((statement) => statement.includes(part))
  if (has('set stop_requested = true from session')) return 'stop'
  return has('delete from "sessions"') ? 'erase' : 'other'
}
