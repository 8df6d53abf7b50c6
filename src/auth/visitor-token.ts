import { base64url } from '../base64url.ts'

/** `vst_` and 256 random bits. */
export function newVisitorToken(): string {
  return `vst_${base64url(binaryOf(crypto.getRandomValues(new Uint8Array(32))))}`
}

/** The user of a visitor token. Only a hash of the token is stored, so a database dump gives access to no session. */
export async function visitorIdOf(token: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))
  return `visitor:${base64url(binaryOf(new Uint8Array(hash)))}`
}

function binaryOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}
