import { createHash } from 'node:crypto'

/** The user of a visitor token: `visitor:` and base64url of its SHA-256. */
export function visitorIdOf(token: string): string {
  return `visitor:${createHash('sha256').update(token).digest('base64url')}`
}
