/** One or more labels of a host name. */
const labelsFormat = /^[\w-]+(\.[\w-]+)*$/

/**
 * An http origin as browsers write it (RFC 6454, 6.2): in lower case, without the scheme's own port.
 * @returns undefined for anything else: `null`, several of them, one with a path or a user
 */
export function normalOrigin(text: string): string | undefined {
  const isOrigin = /^https?:\/\/[^\s/?#@\\%*,]+$/i.test(text) && URL.canParse(text)
  return isOrigin ? new URL(text).origin : undefined
}

/**
 * Like `normalOrigin`, for a pattern: `*.` may stand before a host that is more than a top-level domain, and `*` may be
 * the port.
 */
export function normalOriginPattern(text: string): string | undefined {
  const [, scheme = '', star = '', rest = '', port = ''] =
    /^(https?:\/\/)(\*\.)?([^*]*?)(:\*)?$/i.exec(text) ?? []
  const origin = normalOrigin(scheme + rest)
  if (origin === undefined || (port && /:\d+$/.test(rest))) return undefined
  const { protocol, host, hostname } = new URL(origin)
  if (star && !/\.\D|^localhost$/.test(hostname)) return undefined
  return `${protocol}//${star}${host}${port}`
}

/** Takes an origin and a pattern in the form that the two functions above return. */
export function matchesOrigin(origin: string, pattern: string): boolean {
  if (pattern.endsWith(':*'))
    return matchesOrigin(origin.replace(/:\d+$/, ''), pattern.slice(0, -':*'.length))
  const [scheme = '', domain] = pattern.split('*')
  if (domain === undefined) return origin === pattern
  const isBelow = origin.startsWith(scheme) && origin.endsWith(domain)
  return isBelow && labelsFormat.test(origin.slice(scheme.length, -domain.length))
}
