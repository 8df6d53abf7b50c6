import type { Page } from 'playwright-core'
import type { VisitOptions } from './visit-page.ts'

/** One `POST /v1/chat` that the test answers. */
export interface ScriptedRequest {
  body: { message: string; message_id: string; session_id?: string; continue?: string }
  lastEventId: string | null
}

declare global {
  var scripted: {
    requests: ScriptedRequest[]
    streams: ReadableStreamDefaultController<Uint8Array>[]
    isOn: boolean
  }
}

/**
 * Lets the test answer each chat request of the page, event by event, while `scripted.isOn`. For what depends on the
 * moment at which text arrives; everything else runs against the Worker.
 */
export const scriptStreams = {
  init: () => {
    const { fetch } = globalThis
    globalThis.scripted = { requests: [], streams: [], isOn: true }
    globalThis.fetch = async (input, init) => {
      const request = new Request(input, init)
      if (!request.url.endsWith('/v1/chat') || !scripted.isOn) return fetch(input, init)
      const lastEventId = request.headers.get('last-event-id')
      scripted.requests.push({ body: await request.json(), lastEventId })
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          scripted.streams.push(controller)
          init?.signal?.addEventListener('abort', () => {
            try {
              controller.error(init.signal?.reason)
            } catch {
              // It has ended.
            }
          })
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    }
  },
} satisfies VisitOptions

/** Sends an event on the newest scripted stream, after the request for it. */
export async function sendEvent(
  page: Page,
  event: string,
  data: unknown,
  id?: number,
): Promise<void> {
  await page.waitForFunction(() => scripted.streams.length > 0)
  await page.evaluate(
    (text) => scripted.streams.at(-1)!.enqueue(new TextEncoder().encode(text)),
    `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`,
  )
}

const ids = { session: 'a0000000-0000-4000-8000-000000000001', reply: 'r' }

/** The server has stored the message. */
export const sendStarted = (page: Page, started: { session?: string; reply?: string } = {}) =>
  sendEvent(page, 'turn.started', {
    session_id: started.session ?? ids.session,
    message: { seq: 1 },
    reply_id: started.reply ?? ids.reply,
  })

/** More of a reply, after the text `before`. */
export const sendText = (page: Page, text: string, before = '') =>
  sendEvent(page, 'delta', { text }, before.length + text.length)

/** The reply is complete. */
export const sendCompleted = (page: Page, content: string, reply = ids.reply) =>
  sendEvent(page, 'turn.completed', {
    reply: { id: reply, seq: 2, role: 'assistant', content, status: 'complete', metadata: {} },
  })
