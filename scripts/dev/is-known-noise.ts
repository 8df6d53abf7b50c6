const lookupFailed =
  /^e = rust\/worker\/ffi\.rs:\d+: failed: failed to lookup address information: [\w ,]+\nstack: [^\n]*; sentryErrorContext = jsgInternalError; wdErrId = \w+$/

/**
 * Whether a message of workerd says only that a host was not found, in two lines of internals. The Worker's own line for
 * the request names the setting. Nothing else counts as noise: an unknown error is always shown.
 */
export function isKnownNoise(message: string): boolean {
  return lookupFailed.test(message)
}
