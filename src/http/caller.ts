import type { Context } from 'hono'
import { newVisitorToken, visitorIdOf } from '../auth/visitor-token.ts'
import { type Problem, unauthorized } from '../errors.ts'
import type { AppEnv } from './app-env.ts'

/** The sender of a request: the user whose data it may touch, and the address that shares a daily cap. */
export interface Caller {
  userId: string
  address: string | undefined
}

/** The caller of a route that `needsUser`. */
export function callerOf(c: Context<AppEnv & { Variables: { userId: string } }>): Caller {
  return { userId: c.get('userId'), address: clientAddress(c.req.raw.headers) }
}

/** The caller, or a new visitor. The answer must hand over the visitor's token, because the token is stored nowhere. */
export async function userOrNewVisitor(
  c: Context<AppEnv>,
): Promise<Caller & { visitorToken?: string }> {
  const address = clientAddress(c.req.raw.headers)
  const userId = c.get('userId')
  if (userId !== undefined) return { userId, address }
  const visitorToken = newVisitorToken()
  return { userId: await visitorIdOf(visitorToken), address, visitorToken }
}

export function missingCredential(): Problem {
  return unauthorized('Send a credential: authorization: Bearer …')
}

/**
 * The client's address, from `cf-connecting-ip`: Cloudflare sets this header and a client cannot. An IPv4 address is
 * returned as it is, even if it is written as IPv6. An IPv6 address is returned as its /64, because a household has
 * one. Undefined if the header is missing or holds no address.
 */
export function clientAddress(headers: Headers): string | undefined {
  const address = headers.get('cf-connecting-ip')?.trim() ?? ''
  return isIpv4(address) ? address : ipv6Network(address)
}

function isIpv4(address: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(address)
}

/** @returns the /64 of an address in any of its spellings, such as `2001:db8:0:1::/64` */
function ipv6Network(address: string): string | undefined {
  const url = `http://[${address}]/`
  if (!/^[\da-f:.]+$/i.test(address) || !URL.canParse(url)) return undefined
  const groups = groupsOf(new URL(url).hostname.slice(1, -1))
  const isMapped = groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff'
  if (!isMapped) return `${groups.slice(0, 4).join(':')}::/64`
  const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16))
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** @param address as URLs write it: in lower case, without leading zeros, `::` for a run of zeros */
function groupsOf(address: string): string[] {
  const [head = '', tail = ''] = address.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0')
  return [...first, ...zeros, ...last]
}
