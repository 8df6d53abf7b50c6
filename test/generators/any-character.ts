import * as fc from 'fast-check'

/**
 * One code point of Unicode, no half of a surrogate pair: a unit for `fc.string`. The unit `binary` of fast-check costs
 * most of a second before its first text.
 */
export const anyCharacter: fc.Arbitrary<string> = fc
  .oneof(fc.nat(0x7f), fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map((code) => String.fromCodePoint(code))
