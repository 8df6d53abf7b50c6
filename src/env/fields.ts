import * as z from 'zod'
import { normalOriginPattern } from '../origin.ts'
import { databaseUrlFault, isLoopbackHost } from './database-url.ts'
import { headerSecretFault, secretFault } from './secret-fault.ts'

/** In wrangler.toml, a setting may also be a list or a table. */
const plain = z.union([z.string(), z.number(), z.boolean()], {
  error: 'must be a text, a number, true or false',
})

/**
 * A setting as text, without spaces around it; undefined if it is absent or empty. In wrangler.toml it may be a number
 * or a boolean.
 */
export const optional = plain
  .optional()
  .transform((value) => String(value ?? '').trim() || undefined)

/** A whole number from `min` to `max`; `fallback` if the setting is absent or empty. */
export const integer = (fallback: number, min: number, max: number) =>
  optional.transform((value, context) => {
    const number = value === undefined ? fallback : /^\d+$/.test(value) ? Number(value) : Number.NaN
    if (number >= min && number <= max) return number
    return fault(context, `must be a whole number from ${min} to ${max}`)
  })

/** Does not repeat the value, which may contain a password. */
export function fault(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message, input: undefined })
  return z.NEVER
}

function urlFault(value: string, protocols: string[]): string | undefined {
  const wrong = secretFault(value)
  if (wrong !== undefined) return wrong
  if (!URL.canParse(value)) return 'must be a URL'
  const { protocol, username, password } = new URL(value)
  // The Worker's fetch would drop them.
  if (username + password !== '') return 'must not contain a user or a password'
  return protocols.includes(protocol)
    ? undefined
    : `must begin with ${protocols.map((name) => `${name}//`).join(' or ')}`
}

/** A secret as it is: unlike other settings, it is not trimmed. Undefined if it is absent or empty. */
const secretText = plain
  .optional()
  .transform((value) => (String(value ?? '').trim() === '' ? undefined : String(value)))

/** A value that `faultOf` finds nothing wrong with; undefined if it is absent. */
function without(faultOf: (value: string) => string | undefined) {
  return (value: string | undefined, context: z.RefinementCtx) => {
    const wrong = value === undefined ? undefined : faultOf(value)
    return wrong === undefined ? value : fault(context, wrong)
  }
}

export const databaseUrl = secretText.transform((value, context) => {
  if (value === undefined) return fault(context, 'is missing')
  const wrong = databaseUrlFault(value)
  return wrong === undefined ? value : fault(context, wrong)
})

/** Loopback only, because the driver sends the database's password to this URL. */
export const loopbackUrl = optional.transform(
  without((value) => {
    const wrong = urlFault(value, ['http:'])
    if (wrong !== undefined) return wrong
    return isLoopbackHost(new URL(value).hostname)
      ? undefined
      : 'must be on 127.0.0.1, localhost or [::1]'
  }),
)

export const httpUrl = optional.transform(without((value) => urlFault(value, ['http:', 'https:'])))

export const httpsUrl = optional.transform(
  without((value) => {
    const wrong = urlFault(value, ['https:', 'http:'])
    if (wrong !== undefined) return wrong
    const { protocol, hostname } = new URL(value)
    return protocol === 'https:' || isLoopbackHost(hostname)
      ? undefined
      : 'must be a URL that begins with https://'
  }),
)

/** A text of one line. */
export const line = optional.transform(without(secretFault))

function lengthFault(value: string): string | undefined {
  return value.length < 32 ? 'must have at least 32 characters' : undefined
}

/** A key that is long enough not to be guessed. */
export const longSecret = secretText.transform(
  without((value) => lengthFault(value) ?? secretFault(value)),
)

/** A key that a header can carry unchanged. */
export const headerSecret = secretText.transform(without(headerSecretFault))

export const longHeaderSecret = secretText.transform(
  without((value) => lengthFault(value) ?? headerSecretFault(value)),
)

/** A whole number of tokens a day; `off` for no cap. */
export const dailyTokens = (fallback: number) =>
  optional.transform((value, context) => {
    if (value === undefined) return fallback
    if (value === 'off') return undefined
    if (/^[1-9]\d{0,14}$/.test(value)) return Number(value)
    return fault(context, 'must be a whole number of tokens, or off')
  })

/** Origins and patterns, separated by commas or spaces, in the form that `matchesOrigin` takes. */
export const originList = optional.transform((value, context) => {
  const entries = value?.split(/[\s,]+/).filter((entry) => entry !== '') ?? []
  const origins: string[] = []
  for (const [index, entry] of entries.entries()) {
    const origin = normalOriginPattern(entry)
    if (origin === undefined) return fault(context, `entry ${index + 1} must be ${expected(entry)}`)
    origins.push(origin)
  }
  return origins
})

function expected(entry: string): string {
  return /^https?:\/\/[^/]+\//i.test(entry)
    ? 'an origin without a path or a slash at its end, such as https://www.example.com'
    : 'like https://www.example.com, https://*.example.com or http://localhost:*'
}

/** One of these words, which are listed in this order in the error; `fallback` if the setting is absent or empty. */
export const oneOf = <const Word extends string>(words: readonly Word[], fallback: Word) =>
  optional.transform((value, context): Word => {
    if (value === undefined) return fallback
    return words.find((word) => word === value) ?? fault(context, `must be ${words.join(' or ')}`)
  })

export const bool = (fallback: boolean) =>
  oneOf(['true', 'false'], fallback ? 'true' : 'false').transform((value) => value === 'true')
