import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findHits, passageOf } from '../../../../src/turn/recall/passage.ts'
import { queryTerms, termsOf } from '../../../../src/turn/recall/terms.ts'
import { anyCharacter } from '../../../generators/any-character.ts'

const filler = 'We talked about many other things. '.repeat(100)

function passage(text: string, message: string, maxChars = 400) {
  return passageOf(text, findHits(text, queryTerms(message, null)), maxChars)
}

test('a text that is short enough stays whole', () => {
  expect(passage(' Rex\n', 'dog', 5)).toEqual({ text: ' Rex\n', isCut: false })
})

test('without a word of the message, a passage is the beginning', () => {
  const { text } = passage(filler, 'dog')
  expect(text).toMatch(/^We talked.*things\.…$/)
})

test('words near the beginning leave the beginning as it is', () => {
  expect(passage(`I have a dog. ${filler}`, 'dog').text).toMatch(/^I have a dog\./)
})

test('a passage has the most words of the message, and whole sentences about them', () => {
  const text = `${filler}A dog is an animal. ${filler}My dog barks at thunder. ${filler}`
  expect(passage(text, 'thunder and the dog').text).toMatch(
    /^…We [\w .]*things\. My dog barks at thunder\. We [\w .]*things\.…$/,
  )
})

test('words at the end are found', () => {
  expect(passage(`${filler}My dog`, 'dog').text).toMatch(/^…We .*things\. My dog$/)
})

test('the words of a message are found in their other forms', () => {
  const query = queryTerms('Where do my dogs and veterinarians live in Zürich?', null)
  const found = findHits('The Zurich VETERINARIAN has a dog', query)
  expect(found.map(({ word }) => query.words[word])).toEqual(['zürich', 'veterinarians', 'dogs'])
  expect(findHits('nothing of it', query)).toEqual([])
})

describe('words are found where they are written', () => {
  test.each([
    ['Ｆｕｌｌ ｗｉｄｔｈ ｄｏｇ', 'dog', 11],
    ['ﷺ '.repeat(30).concat('dog'), 'dog', 60],
    ['猫。'.repeat(30).concat('我的小狗叫'), '小狗', 62],
    ['แมวของฉันชื่อส้ม', 'ชื่อ', 9],
  ])('%s', (text, message, at) => {
    const [hit] = findHits(text, queryTerms(message, null))
    expect(Math.abs(hit!.at - at)).toBeLessThanOrEqual(2)
  })
})

test('a passage is a part of the text, of whole characters, and not too long', () => {
  const word = fc.oneof(
    fc.constantFrom('dog', ' ', '. ', '👩‍👩‍👧‍👦', 'e\u0301', '漢字', '。', '\n'),
    fc.string({ unit: anyCharacter, maxLength: 20 }),
  )
  const texts = fc.array(word, { maxLength: 200 }).map((words) => words.join(''))
  fc.assert(
    fc.property(texts, fc.constantFrom(100, 200, 400, 800), (text, maxChars) => {
      const { text: found, isCut } = passage(text, 'dog 漢字', maxChars)
      expect(isCut).toBe(text.length > maxChars)
      expect(found.length).toBeLessThanOrEqual(maxChars)
      const inside = isCut ? found.replace(/^…/, '').replace(/…$/, '') : found
      expect(text.includes(inside)).toBe(true)
      expect(found.isWellFormed() || !text.isWellFormed()).toBe(true)
    }),
  )
})

test('a passage has a word of the message if the text has one', () => {
  const words = fc.array(fc.constantFrom('many', 'other', 'things.', 'and', 'so\n'), {
    minLength: 100,
    maxLength: 300,
  })
  fc.assert(
    fc.property(words, words, (before, after) => {
      const { text } = passage([...before, 'dog', ...after].join(' '), 'dog')
      expect(termsOf(text)).toContain(termsOf('dog')[0])
    }),
  )
})

test('the work grows with the length of the text', () => {
  const text = 'dog '.repeat(2_000)
  const hits = findHits(text, queryTerms('dog', null))
  expect(hits.length).toBe(2_000)
  let reads = 0
  const counted = new Proxy(hits, {
    get(target, name) {
      if (typeof name === 'string' && /^\d+$/.test(name)) reads += 1
      return Reflect.get(target, name) as unknown
    },
  })
  passageOf(text, counted, 400)
  expect(reads).toBeLessThan(6 * hits.length)
})
