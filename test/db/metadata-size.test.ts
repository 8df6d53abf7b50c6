import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import * as column from '../../src/db/columns.ts'
import { rowsOf } from '../../src/db/rows-of.ts'
import { writtenChars } from '../../src/stored-text.ts'
import { anyCharacter } from '../generators/any-character.ts'
import { testDatabase } from '../rigs/conversation.ts'

const db = testDatabase()

/** The text of values that were stored as JSON. */
async function writtenTexts(values: readonly unknown[]): Promise<string[]> {
  const query = rowsOf({ text: column.text })`
select stored.value::text as text
from jsonb_array_elements(${JSON.stringify(values)}::jsonb) with ordinality as stored (value, place) order by place`
  const [rows] = await db.batch([query.compile(db.kysely)])
  return rows.map(({ text }) => text)
}

const text = fc.string({ unit: anyCharacter }).map((value) => value.replaceAll('\0', ''))
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc
    .tuple(fc.integer({ min: -9_999, max: 9_999 }), fc.integer({ min: -320, max: 304 }))
    .map(([digits, power]) => Number(`${digits}e${power}`)),
)
const { value: anyJson } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    number,
    text,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(text, tie('value'), { maxKeys: 5 }),
  ),
}))

test('the size of metadata is the length of what the database writes, for any JSON', async () => {
  const values = fc.array(anyJson, { minLength: 50, maxLength: 50 })
  await fc.assert(
    fc.asyncProperty(values, async (batch) => {
      const written = await writtenTexts(batch)
      for (const [index, value] of batch.entries())
        expect(writtenChars(value), written[index]).toBe(written[index]?.length)
    }),
    { numRuns: 40 },
  )
})

test.each([
  [5e-324, 326],
  [-5e-324, 327],
  [1.7976931348623157e308, 309],
  [1e21, 22],
  [1e20, 21],
  [1.25e-7, 11],
  [0.000001, 8],
  [-0, 1],
  [{}, 2],
  [[], 2],
  [{ a: [1, null, true], b: { c: 'd' } }, 39],
  ['\u0000\u0001\b\t\n\f\r"\\/\u007f\u2028'.slice(1), 25],
  [JSON.parse('{"__proto__":{"2":1,"1":2,"1":3}}') as unknown, 31],
])('the database writes %j in %i characters', async (value, chars) => {
  const [written] = await writtenTexts([value])
  expect([writtenChars(value), written?.length]).toEqual([chars, chars])
})
