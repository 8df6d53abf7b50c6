/** Of `GET /v1/usage`. A reply that is still being written counts with the most that it may cost. */
export interface DailyUsage {
  /** `YYYY-MM-DD`, UTC. */
  day: string
  /** ISO 8601, UTC: the end of the day. */
  resets_at: string
  /** By the user. */
  tokens_used: number
  /** Those of them that the provider's cache held, as far as it reports them. A reply adds its own when it ends. */
  cached_tokens: number
  /** The user's cap; null if there is none. */
  tokens_limit: number | null
  /** Under the tightest of the caps on user, address and site; null if there is no cap. */
  tokens_left: number | null
}
