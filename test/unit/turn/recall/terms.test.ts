import { describe, expect, test } from 'vitest'
import { matchedWords, queryTerms, termsOf, turnTerms } from '../../../../src/turn/recall/terms.ts'

test('one word in other forms is one term', () => {
  for (const [one, other] of [
    ['café', 'CAFE'],
    ['cameras', 'camera'],
    ['東京', '東京'],
    ['Ｔｏｋｙｏ', 'tokyo'],
  ])
    expect(termsOf(one!)).toEqual(termsOf(other!))
})

test('the terms of a turn are those of its message, then those that only its reply has', () => {
  const { terms, messageTerms } = turnTerms('My dog Rex', 'kennel', 'Rex barks')
  expect(terms).toEqual(termsOf('dog rex kennel barks'))
  expect(messageTerms).toBe(3)
})

describe('a turn has at most 256 terms of its message and 256 of its reply', () => {
  const numbers = (from: number) => Array.from({ length: 400 }, (_, i) => from + i).join(' ')
  test('both long', () => {
    const { terms, messageTerms } = turnTerms(numbers(1_000), numbers(5_000), numbers(2_000))
    expect(messageTerms).toBe(256)
    expect(new Set(terms).size).toBe(512)
  })
})

test('a query has the longest words, and finds them again', () => {
  const query = queryTerms('What is the name of my veterinarian in Seattle?', null)
  expect(query.words).toEqual(['veterinarian', 'seattle', 'name'])
  expect(matchedWords(query, 'The veterinarians of SEATTLE')).toEqual(['veterinarian', 'seattle'])
})
