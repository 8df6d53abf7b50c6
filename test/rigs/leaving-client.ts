import http from 'node:http'
import type { Client } from './client.ts'

/** How a client disconnects: it closes its connection, or resets it as a crashed one does. */
export type Leaving = 'close' | 'reset'

export interface LeavingClient {
  /** The text that the client has read so far; empty until the answer begins. */
  text(): string
  leave(how: Leaving): void
}

/** Begins a turn from which the client will disconnect. */
export function beginAndLeave(
  url: string,
  { token }: Client,
  body: object,
  headers: Record<string, string> = {},
): LeavingClient {
  let text = ''
  const request = http.request(`${url}/v1/chat`, {
    method: 'POST',
    agent: false,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...headers,
    },
  })
  // The only error is its own disconnect.
  request.on('error', () => {})
  request.on('response', (response) => {
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => (text += chunk)).on('error', () => {})
  })
  request.end(JSON.stringify(body))
  return {
    text: () => text,
    leave(how) {
      if (how === 'close') request.socket?.destroy()
      else request.socket?.resetAndDestroy()
    },
  }
}
