import { describe, expect, test } from 'vitest'
import type { ChatResponse } from '../../../src/protocol.ts'
import { newVisitor, parseEvents } from '../../rigs/client.ts'
import { faultyObjects } from '../../rigs/faulty-objects.ts'
import { startRig } from '../../rigs/start-rig.ts'

/** A lease as short as it may be: a turn that nobody runs ends with it. */
const vars = { TURN_LEASE_MS: '7000', MODEL_TIMEOUT_MS: '30000', DATABASE_TIMEOUT_MS: '30000' }
const words = 20
const message = `[[fault pace ms=20]] write ${words} words`

type Row = [what: string, code: string]

/** The turn was surely not started. */
const didNotStart: Row[] = [
  ['answer 404 to everything', `return new Response(null, { status: 404 })`],
  ['fail when they are woken', `throw new Error('broken')`],
  ['never answer', `await new Promise((resolve) => setTimeout(resolve, 120_000))\nreturn pass()`],
  [
    'answer 404 to a turn',
    `return message.kind === 'run' ? new Response(null, { status: 404 }) : pass()`,
  ],
  [
    'speak another version',
    `return pass(new Request(request.url, { method: 'POST', body: JSON.stringify({ ...message, version: 0 }) }))`,
  ],
]
/** The turn was sent, and never ran. */
const unknown: Row[] = [
  [
    'fail when they get a turn',
    `if (message.kind === 'run') throw new Error('broken')\nreturn pass()`,
  ],
  [
    'never answer to a turn',
    `if (message.kind === 'run') await new Promise((resolve) => setTimeout(resolve, 120_000))\nreturn pass()`,
  ],
]
/** The turn runs, and its answer does not arrive. */
const unheard: Row[] = [
  [
    'fail after they have started the turn',
    `const answer = await pass()\nif (message.kind === 'run') throw new Error('broken')\nreturn answer`,
  ],
  [
    'break off their answer in the middle',
    `const answer = await pass()
    if (message.kind !== 'run') return answer
    const reader = answer.body.getReader()
    let pulls = 0
    return new Response(new ReadableStream({
      async pull(controller) {
        const { value } = await reader.read()
        if (pulls++ > 2 || !value) controller.error(new Error('broken'))
        else controller.enqueue(value)
      },
    }))`,
  ],
]

async function startFaulty(code: string) {
  const rig = await startRig(vars, { objects: faultyObjects(code) })
  return { rig, visitor: await newVisitor(rig.url) }
}

const newTurn = () => ({ message, message_id: crypto.randomUUID() })
const wordsOf = (text: string) => text.split(/\s+/).length

describe.concurrent('objects of live replies', () => {
  test.for(didNotStart)(
    'that %s: the Worker runs the turn',
    async ([, code], { onTestFinished }) => {
      const { rig, visitor } = await startFaulty(code)
      onTestFinished(() => rig.close())
      const events = await visitor.stream(newTurn())
      const [started, last] = [events[0], events.at(-1)]
      expect(started?.event).toBe('turn.started')
      expect(last).toMatchObject({
        event: 'turn.completed',
        data: { reply: { status: 'complete' } },
      })
      expect(wordsOf(last?.data.reply.content)).toBe(words)
      const { reply, history } = await visitor.chat(newTurn())
      expect(reply.status).toBe('complete')
      expect(history).toHaveLength(2)
      expect(rig.model.requests).toHaveLength(2)
    },
  )

  test.for(unknown)(
    'that %s: no model is called, and the client gets an end that is true',
    async ([, code], { onTestFinished }) => {
      const { rig, visitor } = await startFaulty(code)
      onTestFinished(() => rig.close())
      const turn = newTurn()
      const [events, json] = await Promise.all([
        visitor.stream(turn),
        visitor.expect(502, 'POST', '/v1/chat', newTurn()),
      ])
      const last = events.at(-1)
      expect(last).toMatchObject({
        event: 'turn.failed',
        data: { code: 'interrupted', retryable: true },
      })
      expect(json).toMatchObject({ code: 'interrupted', retryable: true })
      expect(rig.model.requests).toHaveLength(0)
      const path = `/v1/sessions/${json.session_id}/messages`
      const { data } = await visitor.expect(200, 'GET', path)
      expect(data).toMatchObject([{ id: json.message_id }, { status: 'failed', content: '' }])
    },
  )

  test.for(unheard)(
    'that %s: the reply is written once, and the client can read all of it',
    async ([, code], { onTestFinished }) => {
      const { rig, visitor } = await startFaulty(code)
      onTestFinished(() => rig.close())
      const turn = newTurn()
      const { reply }: ChatResponse = await visitor.chat(newTurn())
      expect(reply.status).toBe('complete')
      expect(wordsOf(reply.content)).toBe(words)
      const headers = { accept: 'text/event-stream' }
      const response = await visitor.request('POST', '/v1/chat', turn, headers)
      expect(response.status).toBe(200)
      // A stream that breaks off is the client's sign to join.
      await response.text().catch(() => {})
      const { data } = await visitor.expect(200, 'GET', '/v1/sessions')
      for (const { id } of data) {
        const stream = await visitor.request('GET', `/v1/sessions/${id}/stream`)
        const events = parseEvents(await stream.text())
        if (stream.status === 200) expect(events.at(-1)?.event).toBe('turn.completed')
        const page = await visitor.expect(200, 'GET', `/v1/sessions/${id}/messages`)
        expect(page.data[1].status).toBe('complete')
        expect(wordsOf(page.data[1].content)).toBe(words)
      }
      expect(data).toHaveLength(2)
      expect(rig.model.requests).toHaveLength(2)
    },
  )

  test.for<Row>([
    ['fail', `if (message.kind === 'join') throw new Error('broken')\nreturn pass()`],
    [
      'never answer',
      `if (message.kind === 'join') await new Promise((resolve) => setTimeout(resolve, 120_000))\nreturn pass()`,
    ],
  ])(
    'that %s when a reply is joined: the database shows it',
    async ([, code], { onTestFinished }) => {
      const { rig, visitor } = await startFaulty(code)
      onTestFinished(() => rig.close())
      const { session_id, reply } = await visitor.chat(newTurn())
      const path = `/v1/sessions/${session_id}/messages/${reply.id}/stream`
      const events = parseEvents(await (await visitor.request('GET', path)).text())
      expect(events.at(-1)).toMatchObject({ event: 'turn.completed', data: { reply } })
    },
  )
})
