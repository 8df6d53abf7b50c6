import { once } from 'node:events'
import { answerWith, type RelayedCall, startDatabaseRelay } from './database-relay.ts'
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
  /** Awaited at each moment of each call. If it returns `drop`, the call ends there without an answer. */
  at: (call: GatedCall, moment: Moment) => Promise<'drop' | void>
  /** The text that the last completed checkpoint has stored. */
  saved: string
  /** Resolves once no call is under way: each was carried out or dropped. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** Stands between a Worker and the endpoint, where a test can meet each call and hold it. */
export async function startDatabaseGate(endpoint: string): Promise<DatabaseGate> {
  const underWay = new Set<Promise<void>>()
  const seen = new Map<GatedCall['kind'], number>()
  const relay = await startDatabaseRelay(endpoint, (relayed) => {
    const passed = pass(relayed)
    underWay.add(passed)
    return passed.finally(() => underWay.delete(passed))
  })

  async function pass(relayed: RelayedCall) {
    const { response, body } = relayed
    const { kind, text } = read(body)
    const nth = (seen.get(kind) ?? 0) + 1
    seen.set(kind, nth)
    const call = { kind, nth, text, body: body.toString() }
    if ((await gate.at(call, 'asked')) === 'drop') return void response.destroy()

    const { status, bytes } = await relayed.forward()
    if (kind === 'checkpoint') gate.saved = text
    if ((await gate.at(call, 'committed')) === 'drop') return void response.destroy()

    // The caller may be gone by now.
    if (response.destroyed) return
    const left = Promise.race([once(response, 'finish'), once(response, 'close')])
    answerWith(response, status, bytes)
    await left
    await gate.at(call, 'answered')
  }

  const gate: DatabaseGate = {
    url: relay.url,
    at: async () => {},
    saved: '',
    async idle() {
      while (underWay.size > 0) await Promise.allSettled(underWay)
    },
    close: () => relay.close(),
  }
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
  return has('delete from sessions') || has('delete from "sessions"') ? 'erase' : 'other'
}
