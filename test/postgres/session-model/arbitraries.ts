import * as fc from 'fast-check'
import { anyCharacter } from '../../generators/any-character.ts'
import { type ModelFault, modelFaults, slowFaults } from './model-faults.ts'
import { quotations } from './quotations.ts'
import { databaseFaults, type Words } from './turns.ts'

const allFaults = Object.keys(modelFaults) as ModelFault['name'][]
const fault = fc.record({
  name: fc.oneof(
    {
      weight: 12,
      arbitrary: fc.constantFrom(...allFaults.filter((name) => !slowFaults.includes(name))),
    },
    { weight: 1, arbitrary: fc.constantFrom(...slowFaults) },
  ),
  isLasting: fc.boolean(),
})
const says = fc
  .string({ unit: anyCharacter, minLength: 1, maxLength: 20 })
  .filter((text) => text.trim() !== '')
export const words: fc.Arbitrary<Words> = fc.record({
  text: fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => text.isWellFormed()),
  filler: fc.nat(90),
  says: fc.oneof(says, fc.constant('One, two, three, four, five.')),
  quotation: fc.option(fc.constantFrom(...Object.keys(quotations)), { nil: undefined, freq: 2 }),
  fault: fc.option(fault, { nil: undefined, freq: 2 }),
})
/** Words to which the model gives its whole reply. */
export const soundWords = words.map((each): Words => ({ ...each, fault: undefined }))
export const database = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.option(fc.constantFrom(...databaseFaults), { nil: undefined, freq: 2 }),
      {
        minLength: 1,
        maxLength: 5,
      },
    ),
  },
)
export const how = fc.constantFrom('json' as const, 'stream' as const)
