import type { Message } from '../protocol.ts'

/** The facts that a client is told of its turn as it begins. */
export interface TurnFacts {
  sessionId: string
  /** As it is stored. */
  message: Message
  replyId: string
  /** Set if the caller had no credential and became a new visitor. */
  visitorToken?: string | undefined
  /** Whether the reply was stored before. */
  isReplay: boolean
  /** Of `begin`. */
  databaseMs: number
}
