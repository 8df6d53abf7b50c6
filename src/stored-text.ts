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
  /** As `writtenChars` counts. */
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
  if (writtenChars(value) <= maxChars) return undefined
  return `must be at most ${maxChars} characters as JSON, with numbers written out in full`
}

/**
 * The length of a JSON value as the database writes it, in UTF-16 units: a `jsonb` prints a space after each colon and
 * comma, and numbers without an exponent, so that `5e-324` takes 326 characters.
 */
export function writtenChars(value: unknown): number {
  if (typeof value === 'number') return writtenDigits(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value).length
  const items = Array.isArray(value)
    ? value.map(writtenChars)
    : Object.entries(value).map(([key, item]) => writtenChars(key) + 2 + writtenChars(item))
  const separators = Math.max(items.length - 1, 0) * 2
  return items.reduce((sum, chars) => sum + chars, 2 + separators)
}

/** JavaScript writes an exponent of at least 21, with fewer decimals than that, or of at most -7, after one digit. */
function writtenDigits(value: number): number {
  const [, sign = '', decimals = '', exponent] =
    /^(-?)\d(?:\.(\d+))?e([+-]\d+)$/.exec(JSON.stringify(value)) ?? []
  if (exponent === undefined) return JSON.stringify(value).length
  const power = Number(exponent)
  return sign.length + (power > 0 ? 1 + power : 2 + decimals.length - power)
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
