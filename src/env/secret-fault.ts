/**
 * Says what is wrong with a secret as a text, to follow its name; undefined if nothing is. Spaces around it are not cut
 * off: the other side of a shared secret may count them. The message never repeats the value.
 */
export function secretFault(value: string): string | undefined {
  if (value !== value.trim()) return 'must not begin or end with a space or a line break'
  if (/[\r\n\u2028\u2029]/.test(value)) return 'must not contain a line break'
  return controlCharacter.test(value) ? 'must not contain control characters' : undefined
}

// oxlint-disable-next-line no-control-regex -- these are what it finds
const controlCharacter = /[\0-\u001F\u007F-\u009F]/

/**
 * As `secretFault`, for a secret that goes into a header. workerd sends a header with other characters than ASCII as UTF-8,
 * and writes its value to its log.
 */
export function headerSecretFault(value: string): string | undefined {
  return (
    secretFault(value) ??
    (/^[!-~]+$/.test(value)
      ? undefined
      : 'must contain only letters, digits and punctuation of ASCII, without spaces')
  )
}
