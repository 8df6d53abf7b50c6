/** workerd's report that a host was not found. The Worker logs the request that failed, with a hint. */
const lookup =
  /^e = rust\/worker\/ffi\.rs:\d+: failed: failed to lookup address information: [\w ]+$/
const stack = /^stack: .*; sentryErrorContext = jsgInternalError; wdErrId = \w+$/

/**
 * Makes a filter for the lines of one stream. It drops the two lines with which workerd reports a host that was not found,
 * and no other: an unknown error is always shown.
 * @returns a function that tells whether to show a line
 */
export function dropKnownNoise(): (line: string) => boolean {
  let isAfterLookup = false
  return (line) => {
    const isNoise = lookup.test(line) || (isAfterLookup && stack.test(line))
    isAfterLookup = lookup.test(line)
    return !isNoise
  }
}
