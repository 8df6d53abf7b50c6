import { vi } from 'vitest'
import type { OfflineModel, RecordedRequest } from '../../scripts/dev/offline-model.ts'
import { parseEvents, type ServerEvent } from './client.ts'
import type { GatedCall, Moment } from './database-gate.ts'
import type { GatedWorker } from './gated-worker.ts'
import type { LeavingClient } from './leaving-client.ts'

/** A turn whose Worker is to be killed, with the parts that show how far it has come. */
export interface DoomedTurn {
  message: string
  worker: GatedWorker
  model: OfflineModel
  client: LeavingClient
}

/** Waits for a moment of a turn, and kills its Worker there. */
export type Death = (turn: DoomedTurn) => Promise<void>

/** The model's words in these turns, one word in each piece. */
export const words = Array.from({ length: 40 }, (_, index) => `word${index}`)

/** A message to which the model says these words. Only its first call meets `fault`. */
export function doomedMessage(fault: string): string {
  const directive = fault && `[[fault ${fault} times=1 id=${crypto.randomUUID()}]] `
  return `${directive}[[reply ${JSON.stringify(words.join(' '))}]] ${crypto.randomUUID()}`
}

export function callsOf({ message, model }: Pick<DoomedTurn, 'message' | 'model'>) {
  return model.requests.filter(({ messages }) => messages.at(-1)?.content === message)
}

export function isRunning({ aborted, deltasSent }: RecordedRequest): boolean {
  return !aborted && deltasSent < words.length
}

/** The events that a client has read completely. */
export function eventsOf(client: LeavingClient): ServerEvent[] {
  const text = client.text()
  return parseEvents(text.slice(0, text.lastIndexOf('\n\n') + 2))
}

/** The text of its deltas. */
export function textOf(events: readonly ServerEvent[]): string {
  return events.map(({ event, data }) => (event === 'delta' ? data.text : '')).join('')
}

export function until(condition: () => boolean): Promise<unknown> {
  return vi.waitUntil(condition, { timeout: 15_000, interval: 2 })
}

/** At a moment of a call to the database. The call is lost, or carried out although nobody waits for it. */
export function atCall(
  kind: GatedCall['kind'],
  moment: Moment,
  { nth = 1, isLost = true }: { nth?: number; isLost?: boolean } = {},
): Death {
  return async ({ worker }) => {
    const died = Promise.withResolvers<void>()
    worker.gate.at = async (call, now) => {
      if (call.kind !== kind || call.nth !== nth || now !== moment) return
      await worker.kill()
      died.resolve()
      if (isLost) return 'drop'
    }
    await died.promise
  }
}

/** At the repeat of a finish whose first call was lost at this moment. */
export function atRepeatedFinish(lost: Moment): Death {
  return async (turn) => {
    const died = atCall('finish', 'asked', { nth: 2 })(turn)
    const { at } = turn.worker.gate
    turn.worker.gate.at = async (call, moment) =>
      call.kind === 'finish' && call.nth === 1 && moment === lost ? 'drop' : at(call, moment)
    await died
  }
}

/** Once the model has sent so many pieces of its reply; 0: once it was called. */
export function atPiece(count: number): Death {
  return async (turn) => {
    await until(() => (callsOf(turn)[0]?.deltasSent ?? -1) >= count)
    await turn.worker.kill()
  }
}

/** Once the model has sent so many more pieces after a checkpoint with text. */
export function atPieceAfterCheckpoint(more: number): Death {
  return async (turn) => {
    await until(() => turn.worker.gate.saved !== '')
    await atPiece((callsOf(turn)[0]?.deltasSent ?? 0) + more)(turn)
  }
}

/** Once the client has read an event, and so many words of the reply. */
export function atEvent(name: string, count: number): Death {
  return async ({ worker, client }) => {
    await untilRead(client, name, count)
    await worker.kill()
  }
}

/** At a moment of the checkpoint that is caused by a client's disconnect after so many words. */
export function leftAt(count: number, moment: Moment): Death {
  return async (turn) => {
    await untilRead(turn.client, 'turn.started', count)
    const died = atCall('checkpoint', moment)(turn)
    turn.client.leave('reset')
    await died
  }
}

export async function untilRead(client: LeavingClient, name: string, count: number): Promise<void> {
  const text = words.slice(0, count).join(' ')
  await until(() => {
    const events = eventsOf(client)
    return events.some(({ event }) => event === name) && textOf(events).startsWith(text)
  })
}
