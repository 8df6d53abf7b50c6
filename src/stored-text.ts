import * as z from 'zod'
import { isBlank } from './visible-text.ts'

/** Texts and metadata that clients may store. */

type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue }
export interface Metadata {
  [key: string]: JsonValue
}

/** Text that Postgres and UTF-8 can hold: no NUL, no lone surrogate. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** Counted in UTF-16 units, which zod's own `max` is not. */
const text = (maxChars: number) =>
  z
    .string()
    .refine((value) => value.length <= maxChars, `must be at most ${maxChars} characters`)
    .refine(isStorable, 'must not contain NUL or a lone surrogate')

export const nonBlank = (maxChars: number) =>
  text(maxChars).refine((value) => !isBlank(value), 'must not be blank')

export interface MetadataLimits {
  /** As JSON, in UTF-16 units. */
  maxChars: number
  maxLevels: number
}

/** An object whose content the client chooses. */
export const metadataWithin = (limits: MetadataLimits) =>
  z.custom<Metadata>().check((context) => {
    const { value } = context
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    const fault = isObject ? objectFault(value, limits) : 'must be an object'
    if (fault !== undefined) context.issues.push({ code: 'custom', message: fault, input: value })
  })

function objectFault(value: object, { maxChars, maxLevels }: MetadataLimits): string | undefined {
  const fault = valueFault(value, maxLevels)
  if (fault === 'too deep') return `must not be nested deeper than ${maxLevels} levels`
  if (fault !== undefined) return fault
  if (JSON.stringify(value).length <= maxChars) return undefined
  return `must be at most ${maxChars} characters as JSON`
}

/** Why a value cannot be stored; undefined if it can. */
function valueFault(value: unknown, levels: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return isStorable(value) ? undefined : 'must not contain NUL or a lone surrogate'
    case 'number':
      return Number.isFinite(value) ? undefined : 'must not contain a number out of range'
    case 'boolean':
      return undefined
    case 'object':
      if (value === null) return undefined
      if (levels === 0) return 'too deep'
      for (const [key, item] of Object.entries(value)) {
        const fault = valueFault(key, levels) ?? valueFault(item, levels - 1)
        if (fault !== undefined) return fault
      }
      return undefined
    default:
      return 'must be JSON'
  }
}
