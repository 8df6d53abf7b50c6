/** The waits of a network that a local endpoint does not have. */
export interface Delays {
  /** Between the Worker and Neon's proxy: once for each request. */
  requestMs?: number
  /** Between the proxy and the compute: for each pair of messages. */
  roundTripMs?: number
}

/** The pairs of messages that Neon's proxy exchanges with the compute for one request. */
export interface RoundTrips {
  readonly count: number
  /** Counts them and takes their time. */
  take(count: number): Promise<void>
}

/** The proxy does not pipeline: it waits for each answer before it sends the next message. */
export const tripsOf = {
  begin: 1,
  /** Parse and describe, then bind and execute. */
  statement: 2,
  /** COMMIT or ROLLBACK. */
  end: 1,
} as const

export function createRoundTrips(roundTripMs = 0): RoundTrips {
  let count = 0
  let owedMs = 0
  return {
    get count() {
      return count
    },
    async take(trips) {
      count += trips
      owedMs += trips * roundTripMs
      // A timer counts whole milliseconds and fires late: the rest is settled by the next round trips.
      if (owedMs < 1) return
      const beginsAt = performance.now()
      await new Promise((resolve) => setTimeout(resolve, Math.floor(owedMs)))
      owedMs -= performance.now() - beginsAt
    },
  }
}
