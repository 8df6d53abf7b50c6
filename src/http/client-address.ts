/**
 * The address a request came from, as Cloudflare tells it: `cf-connecting-ip`, which a client cannot set there, and no
 * header of those that a client may write. IPv4 as it is, also where it is written as IPv6; IPv6 by its /64, since a
 * household has one. Undefined where nobody tells it, or what is told is no address.
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

/** @param address as URLs have it: in lower case, no leading zeros, `::` for a run of zeros */
function groupsOf(address: string): string[] {
  const [head = '', tail = ''] = address.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0')
  return [...first, ...zeros, ...last]
}
