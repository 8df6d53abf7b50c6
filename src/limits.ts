/** Limits of the wire, in UTF-16 units where not said otherwise. */
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
