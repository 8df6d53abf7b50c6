/** The Worker's base URL, without a slash at its end. Default: the origin of this script. */
export function serverUrl(asked: string): string {
  return new URL(asked || scriptOrigin() || '/', location.href).href.replace(/\/+$/, '')
}

/** Undefined if the script was not loaded from a server. */
function scriptOrigin(): string | undefined {
  const { protocol, origin } = new URL(import.meta.url)
  return protocol === 'https:' || protocol === 'http:' ? origin : undefined
}
