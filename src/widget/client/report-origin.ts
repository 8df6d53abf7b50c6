/** The Workers that have refused this page, so that the console names each of them once. */
const refusedBy = new Set<string>()

/**
 * Tells the site's owner, in the browser's console, which setting lets this page use the chat. A chunk of its own: no
 * visitor of a site that is set up loads it.
 */
export function reportOrigin(server: string): void {
  if (refusedBy.has(server)) return
  refusedBy.add(server)
  const { origin } = globalThis
  const advice =
    origin === 'null'
      ? 'This page has the origin "null", which cannot be allowed: it is a file, or a sandboxed frame without "allow-same-origin".'
      : `Add ${origin} to its setting ALLOWED_ORIGINS.`
  console.error(`The chat at ${server} refuses this page. ${advice}`)
}
