import { base64url } from '../base64url.ts'
import type { Payer } from './turn.ts'

/** Tokens a day; undefined where there is no cap. */
export interface DailyCaps {
  perUser: number | undefined
  perAddress: number | undefined
  perSite: number | undefined
  /** The key under which addresses are hashed: a secret that no database dump contains. */
  addressKey: string
}

/** The client that asks for a turn. */
export interface Caller {
  userId: string
  /** Undefined if it is not known. */
  address: string | undefined
}

/**
 * The payers of a turn: always its user, so that the owner sees who spent what; for visitors without a login also their
 * address, since a new visitor token costs nothing; and the site. Turns lock user and address in this order.
 */
export async function payersOf(caps: DailyCaps, { userId, address }: Caller): Promise<Payer[]> {
  const payers: Payer[] = [{ kind: 'user', name: userId, maxTokens: caps.perUser }]
  const isVisitor = userId.startsWith('visitor:')
  if (isVisitor && address !== undefined && caps.perAddress !== undefined) {
    const name = await addressPayer(caps.addressKey, address)
    payers.push({ kind: 'address', name, maxTokens: caps.perAddress })
  }
  if (caps.perSite !== undefined)
    payers.push({ kind: 'site', name: 'site', maxTokens: caps.perSite })
  return payers
}

/**
 * The hash is keyed, since anybody can try all IPv4 addresses, and it contains the day, so that two days of one address
 * cannot be linked. At midnight this machine's day may differ from the database's for a moment: then an address has one
 * more row in one of the two days.
 */
async function addressPayer(key: string, address: string): Promise<string> {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const hmac = { name: 'HMAC', hash: 'SHA-256' }
  const day = new Date().toISOString().slice(0, 10)
  const secret = await crypto.subtle.importKey('raw', bytes(key), hmac, false, ['sign'])
  const hash = await crypto.subtle.sign('HMAC', secret, bytes(`${day} ${address}`))
  return `address:${base64url(String.fromCharCode(...new Uint8Array(hash)))}`
}
