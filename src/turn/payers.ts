import { base64url } from '../base64url.ts'
import type { Payer } from '../db/spending.ts'

/** Tokens a day; undefined where there is no cap. */
export interface DailyCaps {
  perUser: number | undefined
  perAddress: number | undefined
  perSite: number | undefined
  /** Under which addresses are hashed: a secret that no database dump holds. */
  addressKey: string
}

/** For people to read, by whose cap was reached. */
export const capDetails: Record<Payer['kind'], string> = {
  user: 'Your messages for today are used up. There will be new ones after midnight UTC.',
  address:
    'The messages for your network are used up for today. There will be new ones after midnight UTC.',
  site: 'This chat has answered all it can today. It will be back after midnight UTC.',
}

/** Who asks for a turn. */
export interface Caller {
  userId: string
  /** Undefined where nobody tells it. */
  address: string | undefined
}

/**
 * Who pays for a turn: always its user, whose day the owner may look at; those without a login also by address, since
 * a new visitor token costs nothing; and the site. User and address are locked in this order.
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
 * Keyed, since all IPv4 addresses are soon tried, and of the day, so that two days of one address are not linked. The
 * day is this machine's, which at midnight may differ from the database's for a moment: then an address has one more
 * row in one of the two days.
 */
async function addressPayer(key: string, address: string): Promise<string> {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const hmac = { name: 'HMAC', hash: 'SHA-256' }
  const day = new Date().toISOString().slice(0, 10)
  const secret = await crypto.subtle.importKey('raw', bytes(key), hmac, false, ['sign'])
  const hash = await crypto.subtle.sign('HMAC', secret, bytes(`${day} ${address}`))
  return `address:${base64url(String.fromCharCode(...new Uint8Array(hash)))}`
}
