import { answerWith, type RelayedCall, startDatabaseRelay } from './database-relay.ts'
import { statementsOf } from './turn-call.ts'

/**
 * How a call to the database goes wrong. `before` and `after`: whether the statement ran. `late`: it runs once another
 * call has been answered, and gets no answer. `deadlock` and `serialization failure`: it was rolled back in favour of
 * another transaction. `statement timeout`: the database canceled it. `too large`: Neon cannot carry its answer.
 * `repeats everything`: a definite error whose fields hold all that was sent.
 */
export type DatabaseFault =
  | 'reset before'
  | 'reset after'
  | 'silent before'
  | 'silent after'
  | 'cut'
  | 'lost connection'
  | 'lost connection after'
  | 'server error'
  | 'html'
  | 'late'
  | 'deadlock'
  | 'serialization failure'
  | 'statement timeout'
  | 'too large'
  | 'repeats everything'

export interface DatabaseCall {
  /** Path and query of the URL that was called. */
  path: string
  /** The SQL of its statements: one, or those of a batch. */
  statements: string[]
  /** All that was sent: by it, a test of many turns at once finds its own calls. */
  body: string
  /** Bytes of the answer; 0 until there is one. */
  bytes: number
}

export interface DatabaseProxy {
  /** The URL to give as NEON_HTTP_ENDPOINT. */
  url: string
  calls: DatabaseCall[]
  /** Asked at each call, by its number from 0 since `clear`; undefined lets it pass. A promise holds it back. */
  fault: (
    call: DatabaseCall,
    index: number,
  ) => DatabaseFault | undefined | Promise<DatabaseFault | undefined>
  clear(): void
  /** Closes the port and all connections; `listen` opens the port again. */
  refuse(): Promise<void>
  listen(): Promise<void>
  close(): Promise<void>
}

/** Stands between the Worker and the endpoint: counts the calls, and fails on request. */
export async function startDatabaseProxy(
  endpoint: string,
  onCall: (call: DatabaseCall) => void = () => {},
): Promise<DatabaseProxy> {
  let answered = Promise.withResolvers<void>()
  const relay = await startDatabaseRelay(endpoint, pass)

  async function pass(relayed: RelayedCall) {
    const { request, response, body } = relayed
    const call = {
      path: request.url ?? '',
      statements: statementsOf(body).map(({ query }) => query),
      body: body.toString(),
      bytes: 0,
    }
    const faulty = proxy.fault(call, proxy.calls.push(call) - 1)
    onCall(call)
    const fault = await faulty
    if (fault !== undefined && failsAtOnce(fault, relayed)) return
    if (fault === 'late') await answered.promise

    const { status, bytes } = await relayed.forward()
    call.bytes = bytes.length
    switch (fault) {
      case 'silent after':
      case 'late':
        return
      case 'reset after':
        request.socket.resetAndDestroy()
        return
      case 'lost connection after':
        answerWith(response, 400, lostConnection)
        return
      case 'cut':
        // In chunks: wrangler's harness never ends a body that is shorter than its content-length.
        response.writeHead(status, { 'content-type': 'application/json' })
        response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
        break
      default:
        answerWith(response, status, bytes)
    }
    answered.resolve()
  }

  const proxy: DatabaseProxy = {
    ...relay,
    calls: [],
    fault: () => undefined,
    clear() {
      proxy.calls = []
      proxy.fault = () => undefined
      answered = Promise.withResolvers()
    },
    refuse: () => relay.close(),
  }
  return proxy
}

const errorOf = (message: string, code: string, detail?: string) =>
  JSON.stringify({ message, code, detail })
/** As Neon answers if its own connection broke: no SQLSTATE says whether the statement ran. */
const lostConnection = errorOf('connection lost', '')

/** @returns whether the fault needs no statement to run */
function failsAtOnce(fault: DatabaseFault, { request, response, body }: RelayedCall): boolean {
  switch (fault) {
    case 'reset before':
      request.socket.resetAndDestroy()
      return true
    case 'silent before':
      return true
    case 'lost connection':
      answerWith(response, 400, lostConnection)
      return true
    case 'deadlock':
      answerWith(response, 400, errorOf('deadlock detected', '40P01'))
      return true
    case 'serialization failure':
      answerWith(response, 400, errorOf('could not serialize access', '40001'))
      return true
    case 'statement timeout': {
      const message = 'canceling statement due to statement timeout'
      answerWith(response, 400, errorOf(message, '57014'))
      return true
    }
    case 'too large':
      answerWith(response, 507, errorOf('response is too large (max is 10485760 bytes)', ''))
      return true
    case 'server error':
      response.writeHead(500).end('compute trouble')
      return true
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Hello')
      return true
    case 'repeats everything': {
      const everything = `${body.toString()} ${JSON.stringify(request.headers)}`
      answerWith(response, 400, errorOf(everything, 'XX000', everything))
      return true
    }
    default:
      return false
  }
}
