/** A session in which a bench takes turns. */
export interface BenchSession {
  userId: string
  sessionId: string
}

/** One way to write the SQL of a turn. */
export interface TurnForm {
  /**
   * Everything before the model.
   * @returns everything after it
   */
  begin(session: BenchSession): Promise<() => Promise<void>>
}

/** The turn that every form stores and counts, so that only the SQL differs. */
export const turn = {
  message: 'Which of your plans has a free trial, and how long does it last?',
  reply:
    'The Starter and the Team plan both have a free trial of 14 days. You need no credit card for it, ' +
    'and when it ends, your workspace stays readable until you decide.',
  messageTokens: 14,
  replyTokens: 38,
  /** System prompt, message, overhead and the reserve for the reply. */
  maxTokens: 1_060,
  usage: { prompt_tokens: 1_150, completion_tokens: 38 },
  windowTurns: 20,
  windowTokens: 6_900,
  overheadTokens: 8,
  leaseMs: 15_000,
  model: 'bench-model',
  countedBy: 'bench-model#1',
} as const

/** With caps on the user, the address and the site, as a Worker has them by default, but out of reach. */
export const maxDailyTokens = 1_000_000_000_000

export function addressOf({ userId }: BenchSession): string {
  return `address:${userId}`
}
