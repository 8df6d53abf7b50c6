import type { Database } from '../../../src/db/database.ts'
import type { Client } from '../../rigs/client.ts'
import type { Rig } from '../../rigs/start-rig.ts'
import type { Session, TurnRequest } from './session.ts'

/** Small, so that windows are cut. */
export const limits = { budget: 700, completionTokens: 250, maxTurns: 5 }

/** The model of one visitor, who has one session at a time. */
export interface World {
  session: Session | undefined
  /** The request that created the erased session, if it named none. */
  erased: TurnRequest | undefined
  /** Calls to the model, by `message_id`. */
  called: Map<string, number>
}

/** The real parts. */
export interface Real {
  rig: Rig
  db: Database
  visitor: Client
  userId: string
  /** A client in the middle of a long reply; the Worker holds its lease. */
  held: { leave: () => Promise<void> } | undefined
}

export function newWorld(): World {
  return { session: undefined, erased: undefined, called: new Map() }
}
