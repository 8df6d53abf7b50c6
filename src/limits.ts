/** Limits of the wire, in UTF-16 units unless the name says otherwise. */
export const limits = {
  bodyBytes: 128 * 1024,
  messageChars: 8_000,
  contextTextChars: 8_000,
  titleChars: 200,
  commentChars: 1_000,
  userIdChars: 300,
  metadataChars: 4_096,
  metadataLevels: 5,
  historyMessages: 200,
  historyBytes: 1024 * 1024,
  pageDefault: 50,
  pageMax: 200,
} as const

/** Fetches that Cloudflare's free plan allows to one request, or to one run of the cron trigger. */
const subrequests = 50

/** Calls to the database, each of which is such a fetch. */
export const databaseCalls = {
  /** Of a request or run that works through many rows. The rest is for the login's keys and in reserve. */
  perRequest: subrequests - 5,
  /** Of a turn. The rest is for the model, which a turn may call twice, for the login's keys and in reserve. */
  perTurn: subrequests / 2,
  /**
   * Of a turn that may take longer than a Worker's request. Its Durable Object makes them in an event of its own. The rest
   * is for the model and for what a Worker calls beside them, if it has to run the turn itself.
   */
  perLongTurn: subrequests - 10,
} as const
