import { cutText, isBlank, trimBlank } from '../visible-text.ts'

const titleChars = 80

/**
 * The session of a turn that names no session. It is derived from the `message_id` if there is one, so that a retry of a
 * visitor's first message finds the session that the first attempt created.
 * @returns a UUID of version 8 (RFC 9562, 5.8): 122 bits of SHA-256 over user and `message_id`, or random ones
 */
export async function sessionIdOf(userId: string, messageId: string | undefined): Promise<string> {
  if (messageId === undefined) return newSessionId()
  const name = new TextEncoder().encode(`session\n${messageId}\n${userId}`)
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', name))
  const hex = [...hash.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  const variant = '89ab'.charAt((hash[8] ?? 0) & 3)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join('-')
}

/** A random session id: a UUID of version 8, like the derived ones. */
export function newSessionId(): string {
  return crypto.randomUUID().replace(/^(.{14})4/, '$18')
}

/** The first line of the first message that shows something, cut at 80 UTF-16 units but never inside a character. */
export function titleOf(message: string): string {
  const lines = message.split(/[\r\n\v\f\u0085\u2028\u2029]/)
  const line = lines.find((each) => !isBlank(each)) ?? ''
  return trimBlank(cutText(trimBlank(line), titleChars))
}
