import { setTimeout as sleep } from 'node:timers/promises'
import type { Message } from '../../src/protocol.ts'
import { createClient, parseEvents } from '../rigs/client.ts'
import { beginAndLeave } from '../rigs/leaving-client.ts'
import type { TurnPlan } from './turn-plan.ts'

/** A turn as its client knows it. */
export interface LedgerEntry {
  messageId: string
  message: string
  /** Whether its client was ever told that the message is stored. */
  isAccepted: boolean
  sessionId: string | undefined
  retries: number
  /** The final answer; undefined if the client gave up. */
  reply?: Message
  /** Answers that no injected fault explains. */
  surprises: string[]
}

export interface SoakClient {
  token: string | undefined
  sessionId: string | undefined
}

const patience = { requestMs: 30_000, retries: 60 }
/** Codes that a client may receive before its final answer. After each of them it retries. */
const expectedCodes = new Set([
  'database_unavailable',
  'database_timeout',
  'turn_running',
  'not_saved',
  'model_unavailable',
  'model_timeout',
  'model_rate_limited',
  'model_empty_reply',
])

/** Takes a turn, and retries it until there is a final reply. */
export async function askUntilAnswered(
  url: () => string,
  client: SoakClient,
  { message, plan }: { message: string; plan: TurnPlan },
): Promise<LedgerEntry> {
  const entry: LedgerEntry = {
    messageId: crypto.randomUUID(),
    message,
    isAccepted: false,
    sessionId: plan.isNewSession ? undefined : client.sessionId,
    retries: 0,
    surprises: [],
  }
  const body = {
    message,
    message_id: entry.messageId,
    ...(entry.sessionId !== undefined && { session_id: entry.sessionId }),
  }
  if (plan.fault?.of === 'client') {
    await leave(url(), client, body, { plan: plan.fault, entry })
    entry.retries = 1
  }
  while (entry.reply === undefined && entry.retries <= patience.retries) {
    const pauseMs = await ask(url(), client, body, { isStream: plan.isStream, entry }).catch(
      pauseAfterError(entry),
    )
    if (entry.reply !== undefined) break
    entry.retries += 1
    await sleep(pauseMs)
  }
  client.sessionId = entry.sessionId ?? client.sessionId
  return entry
}

/** A killed Worker refuses or loses connections, but a request must never go unanswered. */
function pauseAfterError(entry: LedgerEntry) {
  return (error: unknown): number => {
    if (error instanceof Error && error.name === 'TimeoutError') entry.surprises.push('no answer')
    return 100
  }
}

async function leave(
  url: string,
  { token }: SoakClient,
  body: object,
  options: {
    plan: { leaves: 'close' | 'reset'; isStream: boolean; afterMs: number }
    entry: LedgerEntry
  },
) {
  const { leaves, isStream, afterMs } = options.plan
  const headers: Record<string, string> = isStream ? { accept: 'text/event-stream' } : {}
  const leaving = beginAndLeave(url, createClient(url, token), body, headers)
  await sleep(afterMs)
  leaving.leave(leaves)
  if (leaving.text().includes('event: turn.started')) options.entry.isAccepted = true
}

/** @returns how long to wait before the next try */
async function ask(
  url: string,
  { token }: SoakClient,
  body: object,
  { isStream, entry }: { isStream: boolean; entry: LedgerEntry },
): Promise<number> {
  const response = await fetch(`${url}/v1/chat`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...(isStream && { accept: 'text/event-stream' }),
    },
    body: JSON.stringify({ ...body, ...(!isStream && { history_limit: 2 }) }),
    signal: AbortSignal.timeout(patience.requestMs),
  })
  const retryAfterMs = 1_000 * Number(response.headers.get('retry-after') ?? 0.1)
  if (response.status === 200 && isStream) hearEvents(await readWhatComes(response), entry)
  else hearJson(response.status, await response.json(), entry)
  return retryAfterMs
}

/** The whole events of a stream until its end or its break. */
async function readWhatComes(response: Response): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  try {
    for await (const bytes of response.body ?? []) text += decoder.decode(bytes, { stream: true })
  } catch {
    // The Worker was killed.
  }
  return text.slice(0, text.lastIndexOf('\n\n') + 2)
}

function hearEvents(text: string, entry: LedgerEntry): void {
  for (const { event, data } of parseEvents(text)) {
    if (event === 'turn.started') accept(entry, data.session_id)
    if (event === 'turn.failed' && !data.reply) hearProblem(data.code, entry)
    if (data.reply) entry.reply = data.reply
  }
}

function hearJson(
  status: number,
  answer: { session_id?: string; message_id?: string; code?: string; reply?: Message },
  entry: LedgerEntry,
): void {
  if (answer.session_id !== undefined) accept(entry, answer.session_id)
  if (status === 200 && answer.reply) entry.reply = answer.reply
  else hearProblem(answer.code ?? String(status), entry)
}

function hearProblem(code: string, entry: LedgerEntry): void {
  if (!expectedCodes.has(code)) entry.surprises.push(code)
}

function accept(entry: LedgerEntry, sessionId: string): void {
  entry.isAccepted = true
  entry.sessionId = sessionId
}
