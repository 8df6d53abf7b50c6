import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createChatClient } from '../../../../src/widget/client/chat-client.ts'
import { runTurn, type TurnUpdate } from '../../../../src/widget/client/run-turn.ts'
import {
  completed,
  delta,
  started,
  steps,
  storeWith,
  streamHeaders,
  turn,
} from '../../../rigs/scripted-api.ts'

/** Not imported: it must stay longer than 8 s for the database and 30 s until the model's first token. */
const silenceMs = 45_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  vi.stubGlobal('localStorage', undefined)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

interface OpenRequest {
  route: string
  body: Record<string, unknown>
  /** Sends a part of the stream, with the headers before the first one. */
  write: (text: string) => void
}

/** A network whose answers the test writes, and which loses a request when its signal is aborted. */
function openNetwork() {
  const requests: OpenRequest[] = []
  const network: typeof fetch = (url, init) =>
    new Promise((resolve, reject) => {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
      const writer = writable.getWriter()
      const response = new Response(readable, { headers: streamHeaders })
      init?.signal?.addEventListener('abort', () => {
        reject(new DOMException('Aborted', 'AbortError'))
        writer.abort().catch(() => {})
      })
      requests.push({
        route: `${init?.method} ${typeof url === 'string' ? url : ''}`,
        body: JSON.parse(typeof init?.body === 'string' ? init.body : '{}'),
        write(text) {
          resolve(response)
          writer.write(new TextEncoder().encode(text)).catch(() => {})
        },
      })
    })
  return { requests, network }
}

async function startTurn() {
  const { requests, network } = openNetwork()
  const client = createChatClient({
    server: '',
    store: storeWith({ token: 'vst_0' }),
    fetch: network,
  })
  const updates: TurnUpdate[] = []
  const run = async () => {
    const { signal } = new AbortController()
    for await (const update of runTurn(client, turn, { signal, sleep: async () => {} })) {
      updates.push(update)
    }
  }
  const ended = run()
  // Lets the first request go out.
  await vi.advanceTimersByTimeAsync(0)
  return { requests, updates, ended }
}

test('a request that is never answered is given up, and the same turn is sent again', async () => {
  const { requests, updates, ended } = await startTurn()
  await vi.advanceTimersByTimeAsync(silenceMs - 1)
  expect(requests).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(requests.map(({ route }) => route)).toEqual(['POST /v1/chat', 'POST /v1/chat'])
  expect(requests[1]?.body).toEqual(requests[0]?.body)
  expect(requests[1]?.body['message_id']).toBe(turn.id)
  requests[1]?.write(started + delta('Hi you') + completed)
  await ended
  expect(steps(updates)).toEqual(['waitingForNetwork', 'accepted', 'Hi you', 'completed'])
})

test('a stream that falls silent is given up, and joined at the end of its text', async () => {
  const { requests, updates, ended } = await startTurn()
  requests[0]?.write(started + delta('Hi'))
  await vi.advanceTimersByTimeAsync(silenceMs - 1)
  expect(requests).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(requests[1]?.route).toBe('GET /v1/sessions/s1/messages/r/stream')
  requests[1]?.write(delta(' you', 'Hi') + completed)
  await ended
  expect(steps(updates)).toEqual([
    'accepted',
    'Hi',
    'reconnecting',
    'joined',
    'Hi you',
    'completed',
  ])
})

test('comments keep a stream alive', async () => {
  const { requests, updates, ended } = await startTurn()
  requests[0]?.write(started)
  for (let comments = 0; comments < 3; comments++) {
    await vi.advanceTimersByTimeAsync(silenceMs - 1)
    requests[0]?.write(':\n\n')
  }
  await vi.advanceTimersByTimeAsync(silenceMs - 1)
  requests[0]?.write(completed)
  await ended
  expect(requests).toHaveLength(1)
  expect(steps(updates)).toEqual(['accepted', 'completed'])
})

test('a request for history that is never answered fails as a lost connection', async () => {
  const { network } = openNetwork()
  const store = storeWith({ token: 'vst_0', session: 's1' })
  const client = createChatClient({ server: '', store, fetch: network })
  const failure = client.readMessages('', new AbortController().signal).catch(String)
  await vi.advanceTimersByTimeAsync(silenceMs)
  expect(await failure).toBe('ChatFailure: network')
})
