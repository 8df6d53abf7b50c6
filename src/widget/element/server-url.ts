/** The Worker's base URL without a slash at its end: as asked for, else where this script came from. */
export function serverUrl(asked: string): string {
  return new URL(asked || scriptOrigin() || '/', location.href).href.replace(/\/+$/, '')
}

/** Undefined where the script is a file or was bundled without a URL. */
function scriptOrigin(): string | undefined {
  const { protocol, origin } = new URL(import.meta.url)
  return protocol === 'https:' || protocol === 'http:' ? origin : undefined
}
