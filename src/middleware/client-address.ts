/**
 * The address a request came from, as Cloudflare tells it (`cf-connecting-ip`, which a client cannot set there): IPv4
 * as it is, IPv6 by its /64, since a household has one. Undefined where nobody tells it.
 */
export function clientAddress(headers: Headers): string | undefined {
  return headers.get('cf-connecting-ip') ?? undefined
}
