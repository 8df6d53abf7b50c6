import { isDeepStrictEqual } from 'node:util'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { expect } from 'vitest'
import type { RecordedRequest } from '../../../scripts/dev/offline-model.ts'
import type { Message } from '../../../src/protocol.ts'
import { continueRequest } from '../../../src/turn/continue/request.ts'
import { expectSound, storedMessages } from '../../rigs/stored-session.ts'
import { shown } from './quotations.ts'
import type { Heard } from './send.ts'
import {
  countableBefore,
  type Outcome,
  type Reply,
  type Session,
  standing,
  type Turn,
} from './session.ts'
import { limits, type Real } from './world.ts'

/** The session as its user reads it, with superseded replies. The stored rows must be sound and the same. */
export async function readSession(
  { visitor, db }: Real,
  id: string | undefined,
): Promise<Message[] | undefined> {
  const { data: sessions } = await visitor.expect(200, 'GET', '/v1/sessions')
  if (id === undefined || sessions.length === 0) {
    expect(sessions).toEqual([])
    if (id !== undefined) expect(await storedMessages(db, id)).toEqual([])
    return undefined
  }
  expect(sessions.map((session: { id: string }) => session.id)).toEqual([id])
  const path = `/v1/sessions/${id}/messages?limit=200&superseded=true`
  const { data } = await visitor.expect(200, 'GET', path)
  const rows = await expectSound(db, id)
  expect(data.map((message: Message) => [message.seq, message.id, message.role])).toEqual(
    rows.map((row) => [row.seq, row.id, row.role]),
  )
  return data
}

/** The differences between what is read and the model of the session. */
export function differences(
  session: Session | undefined,
  messages: Message[] | undefined,
): string[] {
  if (session === undefined || messages === undefined)
    return session === messages ? [] : [`session ${session ? 'is missing' : 'is there'}`]
  const expected = session.turns.flatMap(rowsOf).toSorted((a, b) => a.seq - b.seq)
  const found = messages.map(({ seq, role, status }) => `${seq} ${role} ${status}`)
  const wanted = expected.map(({ seq, role, status }) => `${seq} ${role} ${status}`)
  if (!isDeepStrictEqual(found, wanted))
    return [`expected ${wanted.join(', ')}; is ${found.join(', ')}`]
  return expected.flatMap(({ check }, index) => {
    const message = messages[index] as Message
    return check(message) ? [] : [`not as it should be: ${JSON.stringify(message)}`]
  })
}

function rowsOf({ seq, request, replies }: Turn) {
  const { message, message_id, context_text, metadata = {} } = request.body
  const asked = { id: message_id, content: message, context_text, metadata }
  return [
    {
      seq,
      role: 'user',
      status: 'complete',
      check: ({ id, content, context_text: quoted, ...rest }: Message) =>
        isDeepStrictEqual({ id, content, context_text: quoted, metadata: rest.metadata }, asked),
    },
    ...replies.map((reply) => ({
      seq: reply.seq,
      role: 'assistant',
      status: reply.status,
      check: ({ id, content }: Message) =>
        id === (reply.id ?? id) &&
        (reply.content === undefined
          ? isTextOf(content, reply, request.says)
          : content === reply.content),
    })),
  ]
}

function isTextOf(content: string, { status, from }: Reply, says: string): boolean {
  if (from !== undefined) return content.startsWith(from)
  if (status === 'complete') return content === says
  if (status === 'failed') return content === ''
  return says.startsWith(content) && (content !== '' || status !== 'interrupted')
}

/** The one outcome that agrees with everything seen. */
export function findOutcome(
  outcomes: readonly Outcome[],
  seen: { heard: Heard; messages: Message[] | undefined; modelCalls: number },
): Outcome {
  const faults = outcomes.map((outcome) => [
    ...differences(outcome.session, seen.messages),
    ...(outcome.modelCalls === seen.modelCalls
      ? []
      : [`expected ${outcome.modelCalls} calls to the model, saw ${seen.modelCalls}`]),
    ...(seen.heard.answer === undefined || isDeepStrictEqual(seen.heard.answer, outcome.answer)
      ? []
      : [`expected ${JSON.stringify(outcome.answer)}, heard ${JSON.stringify(seen.heard.answer)}`]),
  ])
  const index = faults.findIndex((each) => each.length === 0)
  const outcome = outcomes[index]
  if (outcome === undefined) throw new Error(faults.map((each) => each.join('\n')).join('\nor\n'))
  return outcome
}

/** Adds what only the server knows: the ids of replies, and the kept texts. */
export function learn(session: Session, messages: readonly Message[]): Session {
  const learned = structuredClone(session)
  for (const reply of learned.turns.flatMap(({ replies }) => replies)) {
    const message = messages.find(({ seq }) => seq === reply.seq)
    if (message === undefined) continue
    reply.id = message.id
    if (reply.status !== 'streaming') reply.content = message.content
  }
  return learned
}

/**
 * Expects the system prompt, whole turns that count, up to the newest, and the new message within the budget. The message may
 * come with a quotation of older turns that count.
 */
export function expectWindow(session: Session, messageId: string, calls: RecordedRequest[]): void {
  const turn = session.turns.find(({ request }) => request.body.message_id === messageId)
  const countable = countableBefore(session, messageId)
  const turns = countable.map((each) => [shown(each.request.body), standing(each).content ?? ''])
  for (const { messages: all } of calls) {
    const isContinued = all.at(-1)?.content === continueRequest
    expect(
      tokensOf(all.map(({ content }) => content)) + limits.completionTokens,
    ).toBeLessThanOrEqual(limits.budget)
    if (isContinued) {
      expect(all.at(-2)?.role).toBe('assistant')
      expect(turn && (standing(turn).from ?? '').endsWith(all.at(-2)!.content)).toBe(true)
    }
    const messages = isContinued ? all.slice(0, -2) : all
    const sent = messages.map(({ content }) => content)
    const rest = sent.slice(1)
    const newest = rest.pop()
    const window = turns.slice(turns.length - rest.length / 2)
    const roles = window.flatMap(() => ['user', 'assistant'])
    expect(messages.map(({ role }) => role)).toEqual(['system', ...roles, 'user'])
    expect(rest).toEqual(window.flat())
    const older = turns.slice(0, turns.length - window.length)
    expectMessage(newest ?? '', turn ? shown(turn.request.body) : '', older.flat())
    expect(window.length).toBeLessThanOrEqual(limits.maxTurns)
    // If the newest turns surely fit, none of them is left out: no tokenizer makes more tokens than bytes.
    const allowed = turns.slice(-limits.maxTurns)
    if (window.length === allowed.length || calls.length > 1 || isContinued) continue
    const forPrompt = limits.budget - limits.completionTokens
    const forRecall = turns.length > limits.maxTurns ? forPrompt / 2 : 0
    const bytes = bytesOf([sent[0] ?? '', ...allowed.flat(), turn ? shown(turn.request.body) : ''])
    expect(bytes + forRecall).toBeGreaterThan(forPrompt)
  }
}

/** Expects the message as it is, or after a quotation that has only lines of older turns. */
function expectMessage(sent: string, message: string, older: readonly string[]): void {
  if (sent === message) return
  const end = `\n\nNow the visitor writes:\n\n${message}`
  expect(sent.endsWith(end)).toBe(true)
  const [heading, gap, ...quoted] = sent.slice(0, -end.length).split('\n')
  expect([heading, gap]).toEqual([
    'From earlier in this conversation, oldest first, quoted; it may be out of date:',
    '',
  ])
  // oxlint-disable-next-line no-control-regex -- three of them part paragraphs
  const lines = older.flatMap((text) => text.split(/[\r\n\v\f\x1c-\x1e\u0085\u2028\u2029]/))
  for (const line of quoted) {
    expect(line).toMatch(/^>( |$)/)
    const said = line.replace(
      /^>( {5}| (\[[\d-]{10}\] )?(Visitor|You|Visitor selected on the page): ?)?/,
      '',
    )
    const isThere = lines.some((each) => each.includes(said.replaceAll('…', '').trim()))
    expect(isThere, line).toBe(true)
  }
}

function tokensOf(contents: readonly string[]): number {
  const count = (text: string) => countTokens(text, { disallowedSpecial: new Set() })
  return contents.reduce((sum, content) => sum + count(content) + 4, 3)
}

function bytesOf(contents: readonly string[]): number {
  return contents.reduce((sum, content) => sum + Buffer.byteLength(content) + 4, 3)
}
