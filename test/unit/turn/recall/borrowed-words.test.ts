import { expect, test } from 'vitest'
import { borrowedQuery } from '../../../../src/turn/recall/borrowed-words.ts'
import { queryTerms, termsOf, turnTerms } from '../../../../src/turn/recall/terms.ts'

const none = { words: [], terms: [], borrows: false }
const before = { message: 'My DOG Rex barks; dogs bark', contextText: 'Kennels' }

test('a message of few words borrows those of the message before, in the order in which they are stored', () => {
  const borrowed = borrowedQuery(queryTerms('Why?', null), before)
  expect(borrowed.words).toEqual(['dog', 'rex', 'barks', 'kennels'])
  expect(borrowed.terms).toEqual(turnTerms(before.message, before.contextText, '').terms)
  expect(borrowed.borrows).toBe(false)
})

test('words that it has itself are not borrowed', () => {
  const own = queryTerms('And rex at the kennel?', null)
  expect(borrowedQuery(own, before).words).toEqual(['dog', 'barks'])
})

test('a message of three words, and thanks, borrow nothing', () => {
  expect(borrowedQuery(queryTerms('Dog, cat or mouse?', null), before)).toEqual(none)
  expect(borrowedQuery(queryTerms('Thanks', null), before)).toEqual(none)
})

test('own and borrowed words are at most 8', () => {
  const numbers = Array.from({ length: 20 }, (_, i) => 100 + i).join(' ')
  const long = { message: numbers, contextText: 'text' }
  expect(borrowedQuery(queryTerms('why', null), long).terms).toEqual(
    termsOf(numbers)
      .filter((term) => !termsOf('why').includes(term))
      .slice(0, 8),
  )
  expect(borrowedQuery(queryTerms('winter, 100?', null), long).terms).toEqual(
    termsOf(numbers).slice(1, 7),
  )
})
