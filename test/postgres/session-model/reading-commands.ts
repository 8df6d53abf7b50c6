import * as fc from 'fast-check'
import { expect } from 'vitest'
import type { Message } from '../../../src/protocol.ts'
import { parseEvents } from '../../rigs/client.ts'
import { problemOf } from '../../rigs/problem.ts'
import { command, hasTurns, isIdle, pick, which } from './command.ts'
import { readSession } from './observe.ts'
import { readPages } from './pages.ts'
import { readEvents } from './send.ts'
import { runningTurn, type Session } from './session.ts'
import { adopt } from './turns.ts'

export const join = fc.record({ which, reply: fc.nat(3), place: fc.nat(30) }).map((given) =>
  command(
    'join',
    given,
    async (world, real) => {
      const { request, replies } = pick(world.session?.turns, given.which)
      const { id, status, content = '' } = pick(replies, given.reply)
      const path = `/v1/sessions/${request.sessionId}/messages/${id}/stream`
      const place = Math.min(given.place, content.length)
      const headers = { 'last-event-id': String(place) }
      const response = await real.visitor.request('GET', path, undefined, headers)
      expect(response.status).toBe(200)
      if (status === 'streaming') {
        const { events } = await readEvents(response, 'delta', { thenLeave: !real.held })
        if (real.held) expect(request.says.startsWith(events[0]?.data.text)).toBe(true)
        return
      }
      const events = parseEvents(await response.text())
      const text = events.map(({ data }) => data.text ?? '').join('')
      expect(content.endsWith(text) && text.isWellFormed()).toBe(true)
      expect([content.length - place, content.length - place + 1]).toContain(text.length)
      // A superseded reply counts as complete if it has text that the model had ended.
      const stored = await readSession(real, request.sessionId)
      const found = stored?.find((message) => message.id === id)
      const wasWhole = content !== '' && found?.finish_reason !== undefined
      const isWhole = status === 'complete' || (status === 'superseded' && wasWhole)
      expect(events.at(-1)?.event).toBe(isWhole ? 'turn.completed' : 'turn.failed')
    },
    ({ session }) => session !== undefined && runningTurn(session) === undefined,
  ),
)

export const pages = fc
  .record({
    limit: fc.integer({ min: 1, max: 7 }),
    direction: fc.constantFrom('before' as const, 'after' as const),
    superseded: fc.boolean(),
  })
  .map((given) =>
    command(
      'read in pages',
      given,
      async (world, real) => {
        const { id } = world.session as Session
        const all = (await readSession(real, id)) as Message[]
        const wanted = all.filter(({ status }) => given.superseded || status !== 'superseded')
        expect(await readPages(real.visitor, id, given)).toEqual(wanted)
      },
      (world) => hasTurns(world) && isIdle(world),
    ),
  )

const refusals = {
  'a message that does not fit': [413, { message: 'word '.repeat(1_200) }],
  'a blank message': [400, { message: ' \n' }],
  'no session of this visitor': [404, { session_id: crypto.randomUUID(), message: 'Hello' }],
  'an unknown field': [400, { message: 'Hello', role: 'system' }],
} as const
export const refused = fc
  .constantFrom(...(Object.keys(refusals) as (keyof typeof refusals)[]))
  .map((name) =>
    command(name, {}, async (world, real) => {
      const [status, body] = refusals[name]
      const requests = real.rig.model.requests.length
      const response = await real.visitor.request('POST', '/v1/chat', {
        ...(world.session && { session_id: world.session.id }),
        ...body,
      })
      expect((await problemOf(response)).status).toBe(status)
      expect(real.rig.model.requests).toHaveLength(requests)
      if (world.session) await adopt(world, real, world.session)
      else await readSession(real, undefined)
    }),
  )
