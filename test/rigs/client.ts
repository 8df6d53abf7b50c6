import { expect } from 'vitest'
import type { ChatResponse } from '../../src/protocol.ts'

export interface ServerEvent {
  event: string
  id: number
  // oxlint-disable-next-line typescript/no-explicit-any -- as a caller of the API sees it
  data: any
}

// oxlint-disable-next-line typescript/no-explicit-any -- as a caller of the API sees it
type Json = any

export interface Client {
  /** Undefined: the caller has no credential. */
  token: string | undefined
  request(method: string, path: string, body?: unknown, headers?: HeadersInit): Promise<Response>
  /** The JSON of a response, which must have this status; a failure prints the body. */
  expect(status: number, method: string, path: string, body?: unknown): Promise<Json>
  chat(body: Record<string, unknown>): Promise<ChatResponse>
  /** A streamed turn, read to its end. */
  stream(body: Record<string, unknown>): Promise<ServerEvent[]>
}

/** A caller of the API by `fetch`. If the server has yet to start, a function returns its URL. */
export function createClient(url: string | (() => string), token?: string): Client {
  const origin = typeof url === 'function' ? url : () => url
  const client: Client = {
    token,
    request(method, path, body, headers) {
      return fetch(`${origin()}${path}`, {
        method,
        headers: {
          ...(client.token !== undefined && { authorization: `Bearer ${client.token}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(headers as Record<string, string>),
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
    },
    async expect(status, method, path, body) {
      const response = await client.request(method, path, body)
      const text = await response.text()
      expect(response.status, text).toBe(status)
      return text === '' ? undefined : JSON.parse(text)
    },
    chat: (body) => client.expect(200, 'POST', '/v1/chat', body),
    async stream(body) {
      const accept = { accept: 'text/event-stream' }
      const response = await client.request('POST', '/v1/chat', body, accept)
      const text = await response.text()
      expect(response.status, text).toBe(200)
      return parseEvents(text)
    },
  }
  return client
}

/** A client with a visitor token of its own. */
export async function newVisitor(url: string): Promise<Client> {
  const { visitor_token: token } = await createClient(url).expect(201, 'POST', '/v1/visitors')
  return createClient(url, token)
}

/** Events as this API writes them: one line each of event, id and data. Comments are left out. */
export function parseEvents(text: string): ServerEvent[] {
  return text
    .split('\n\n')
    .filter((block) => block !== '' && !block.startsWith(':'))
    .map((block) => {
      const fields = Object.fromEntries(
        block.split('\n').map((line) => {
          const colon = line.indexOf(': ')
          return [line.slice(0, colon), line.slice(colon + 2)]
        }),
      )
      return {
        event: fields['event'] ?? '',
        id: Number(fields['id']),
        data: JSON.parse(fields['data'] ?? 'null'),
      }
    })
}
