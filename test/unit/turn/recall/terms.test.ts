import { readFile } from 'node:fs/promises'
import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { queryTerms, termsOf, turnTerms } from '../../../../src/turn/recall/terms.ts'
import { wordsOf } from '../../../../src/turn/recall/words.ts'
import { anyCharacter } from '../../../generators/any-character.ts'

const writtenIn = (text: string) => [...wordsOf(text)].map(({ written }) => written)

/**
 * Every stored turn has such terms. If one of them changes, no error shows it: the turns that were stored before are never
 * recalled again. So a new rule needs new terms for all rows, and this file may only grow.
 */
test('terms stay as they were stored', async () => {
  const file = new URL('terms.json', import.meta.url)
  const vectors = JSON.parse(await readFile(file, 'utf8')) as { text: string; terms: number[] }[]
  expect(vectors.length).toBeGreaterThan(60)
  for (const { text, terms } of vectors) expect(termsOf(text), JSON.stringify(text)).toEqual(terms)
})

describe('one word in other forms is one term', () => {
  test.each([
    ['cameras', 'camera'],
    ['DOGS', 'dog'],
    ['babies', 'baby'],
    ['Bestellungen', 'bestellen'],
    ['café', 'CAFE'],
    ['cafe\u0301', 'café'],
    ['STRASSE', 'Straße'],
    ['FUSS', 'Füße'],
    ['IŞIK', 'ışık'],
    ['İstanbul', 'istanbul'],
    ['złoty', 'zloty'],
    ['ёлка', 'елка'],
    ['ΦΩΣ', 'φως'],
    ['soft\u00adhyphen', 'softhyphen'],
    ['Ｔｏｋｙｏ', 'tokyo'],
    ['ﾊﾟﾝ', 'パン'],
    ['Ⅷ', 'VIII'],
    ['والكتاب', 'كتاب'],
    ['كِتَابٌ', 'كتـاب'],
    ['کتاب', 'كتاب'],
    ['أحمد', 'احمد'],
    ['١٢٣', '123'],
    ['۱۲۳', '123'],
    ['הכלב', 'כלב'],
    ['이름은', '이름이'],
  ])('%s, %s', (one, other) => {
    expect(termsOf(one)).toEqual(termsOf(other))
    expect(termsOf(one)).toHaveLength(1)
  })
})

describe('other words are other terms', () => {
  test.each([
    ['class', 'clan'],
    ['48213', '48214'],
    ['नीला', 'नीली'],
    ['개', '소'],
    ['dog', 'dot'],
  ])('%s, %s', (one, other) => expect(termsOf(one)).not.toEqual(termsOf(other)))
})

describe('a text is parted into words', () => {
  test.each([
    ['iPhoneを買った', ['iphone', '買', 'った']],
    ['東京2020', ['東京', '東', '京', '2020']],
    ['16GB', ['16', 'gb']],
    ['TV를', ['tv', '를']],
    ['A4, 7 x', ['4', '7']],
    ['我的狗叫小黑', ['狗叫', '叫小', '小黑', '狗', '叫', '小', '黑']],
    ['二〇年', ['二〇', '〇年', '二', '〇', '年']],
    ['らーめん', ['らー', 'ーめ', 'めん']],
    ['แมวของฉัน', ['แม', 'มว']],
    ['葛\u{E0100}城', ['葛城', '葛', '城']],
    ['1️⃣ ❤️ 👩‍👩‍👧‍👦', ['1']],
    ['می\u200cخواهم', ['می', 'خواهم']],
    ['The dog and the cat', ['dog', 'cat']],
    ['J’ai commandé l’ordinateur', ['ai', 'commandé', 'ordinateur']],
    [' \n!?…', []],
  ])('%s', (text, words) => expect(writtenIn(text)).toEqual(words))
})

/** Words that say something, and are close to a stop word of another language. */
test('no stop list has an important word of another language', () => {
  const words =
    'war die son sin hat bin van come mia era dan door os ai eu dove hay fur ton man wand gift sole mare note pain main chat mal sal sol pan mesa casa vino fin rot tag rat arm bad hell kind bald see'
  const kept = writtenIn(words)
  expect(words.split(' ').filter((word) => !kept.includes(word))).toEqual([])
})

describe('the terms of a turn', () => {
  test('are those of its message, then those that only its reply has', () => {
    const { terms, messageTerms } = turnTerms('My dog Rex', 'kennel', 'Rex barks')
    expect(terms).toEqual(termsOf('dog rex kennel barks'))
    expect(messageTerms).toBe(3)
  })

  test('are at most 256 of the message with the selected text, and 256 of the reply', () => {
    const numbers = (from: number) => Array.from({ length: 400 }, (_, i) => from + i).join(' ')
    const { terms, messageTerms } = turnTerms(numbers(1_000), numbers(5_000), numbers(2_000))
    expect(messageTerms).toBe(256)
    expect(terms).toEqual([
      ...termsOf(numbers(1_000)).slice(0, 256),
      ...termsOf(numbers(2_000)).slice(0, 256),
    ])
  })

  test('are distinct integers of 32 bits, whatever the text', () => {
    const text = fc.string({ unit: anyCharacter, maxLength: 300 })
    fc.assert(
      fc.property(text, fc.option(text), text, (message, contextText, reply) => {
        const { terms, messageTerms } = turnTerms(message, contextText, reply)
        expect(new Set(terms).size).toBe(terms.length)
        expect(terms.every((term) => term === (term | 0))).toBe(true)
        expect(messageTerms).toBeLessThanOrEqual(terms.length)
      }),
    )
  })
})

describe('a query', () => {
  test('has the longest words first, and the term of each', () => {
    const query = queryTerms('What is the name of my veterinarian in seattle?', null)
    expect(query.words).toEqual(['veterinarian', 'seattle', 'name'])
    expect(query.terms).toEqual(termsOf('veterinarian seattle name'))
  })

  test('has words of the selected text too', () => {
    expect(queryTerms('What is that?', 'the carburettor').words).toEqual(['carburettor'])
  })

  test('has each term once, by its longest word', () => {
    expect(queryTerms('camera, cameras', null).words).toEqual(['cameras'])
  })

  test('has at most 12 words', () => {
    const words = Array.from(
      { length: 40 },
      (_, i) => `${String.fromCharCode(97 + (i % 26))}${i}ab`,
    )
    expect(queryTerms(words.join(' '), null).terms).toHaveLength(12)
  })

  test('has at most 12 pieces, of all parts of a long message', () => {
    const han = Array.from({ length: 1_000 }, (_, i) => String.fromCharCode(0x4e00 + i)).join('')
    const { words } = queryTerms(han, null)
    expect(words).toHaveLength(12)
    const places = words.map((word) => han.indexOf(word))
    const gaps = [...places, han.length].map((place, i) => place - (places[i - 1] ?? 0))
    expect(Math.max(...gaps)).toBeLessThan(100)
  })

  test('prefers pairs, and a character of Han that stands alone, to parts of pairs, and those to Hiragana', () => {
    expect(queryTerms('りんごの名前はパンと犬', null).words).toEqual([
      '名前',
      '犬',
      'パン',
      '名',
      '前',
      'りん',
      'んご',
      'ごの',
    ])
  })

  test('of stop words alone has no words', () => {
    expect(queryTerms('What is it?', null)).toEqual({ words: [], terms: [], borrows: true })
  })

  test('has no words of requests and courtesies, which its turn stores', () => {
    const message = 'Hello! Could you please tell me: is Rex my dog? Thanks'
    expect(queryTerms(message, null).words).toEqual(['rex', 'dog'])
    expect(turnTerms(message, null, '').terms).toEqual(
      termsOf('hello could please tell rex dog thanks'),
    )
  })

  test('prefers words with a capital letter inside a sentence, and numbers', () => {
    const { words } = queryTerms('Yesterday I saw Rex and l’École, in 1990', null)
    expect(words).toEqual(['école', 'rex', 'yesterday', '1990', 'saw'])
  })

  test('keeps a short name among many long words, whatever comes first', () => {
    const many = Array.from({ length: 26 }, (_, i) => `${String.fromCharCode(97 + i)}abcdefgh`)
    for (const text of [`Of Bo and ${many.join(' ')}`, `${many.join(' ')} of Bo`])
      expect(queryTerms(text, null).words[0]).toBe('bo')
  })

  test('keeps the number of an order among many long words', () => {
    const many = Array.from({ length: 26 }, (_, i) => `${String.fromCharCode(97 + i)}abcdefgh`)
    expect(queryTerms(`${many.join(' ')} 48213`, null).words[0]).toBe('48213')
  })

  test('has the last of equal words that are too many', () => {
    const many = Array.from({ length: 26 }, (_, i) => `${String.fromCharCode(97 + i)}xyz`)
    expect(queryTerms(many.join(' '), null).words.at(-1)).toBe('zxyz')
  })
})

describe('a polite or long question keeps the word that counts', () => {
  test.each([
    [
      'rex',
      'Could you remind me please what my four-legged friend Rex must never eat from the garden bed?',
    ],
    [
      'katze',
      'Können Sie mir bitte noch einmal sagen, welchen Namen ich Ihnen für meine Katze genannt habe?',
    ],
    [
      '卵',
      '卵を使ったケーキを今夜のパーティーで出したいのですが、お客様にはどのように説明すればよいでしょうか',
    ],
    [
      'peanuts',
      'We are planning a birthday dinner on Saturday evening and I would really like to book an Italian restaurant somewhere near the station with outdoor seating for about twelve people, but my youngest daughter cannot eat peanuts; do you have any suggestions?',
    ],
    [
      'peanuts',
      'Which restaurant could you recommend tonight for celebrating our wedding anniversary, considering everything I told you previously about peanuts and allergies?',
    ],
    [
      '48213',
      'Zou u mij alstublieft nog een keer kunnen vertellen wanneer mijn bestelling 48213 precies geleverd wordt?',
    ],
    [
      'auto',
      'Ich würde wirklich gerne wissen, ob die freundlichen Mitarbeiter unserer Werkstatt inzwischen endlich herausgefunden haben, warum mein Auto immer komische Geräusche macht',
    ],
    [
      'chat',
      'Est-ce que vous pourriez s’il vous plaît me rappeler encore une fois le prénom que j’avais donné à mon chat ?',
    ],
    [
      'toby',
      '¿Podrías decirme por favor otra vez cómo se llamaba el veterinario que me recomendaste hace tiempo para mi perro Toby?',
    ],
    [
      'luca',
      'Potresti dirmi per favore ancora una volta quale taglia di scarpe porta mio figlio Luca?',
    ],
    [
      'café',
      'Você poderia por favor me dizer novamente qual era o número do pedido da minha máquina de café?',
    ],
    ['قطتي', 'من فضلك هل يمكنك أن تخبرني مرة أخرى ما هو اسم قطتي الصغيرة؟'],
    ['кота', 'Скажите пожалуйста еще раз, как зовут моего маленького кота?'],
    ['猫叫', '请问您能不能再告诉我一次，我之前跟您说过的那只猫叫什么名字？'],
    ['犬', 'すみませんが、前にお話しした私の犬の名前をもう一度教えていただけますか？'],
    ['고양이', '제가 지난번에 말씀드린 고양이 이름을 다시 한번 알려주실 수 있나요?'],
    ['แม', 'ช่วยบอกอีกครั้งได้ไหมว่าแมวของฉันชื่ออะไร'],
  ])('%s', (word, message) => expect(queryTerms(message, null).words).toContain(word))
})

describe('a message', () => {
  test.each([
    'ok',
    'OK.',
    'okay thanks!',
    'Thank you very much!',
    'hi',
    'yes',
    'No',
    'danke',
    'Ja, vielen Dank!',
    'Merci',
    'oui',
    'Gracias',
    'Sí',
    'grazie',
    'obrigado',
    'спасибо',
    '👍',
    '1️⃣',
    '👩‍👩‍👧‍👦 ❤️',
    '…',
    '',
    '2026',
    '谢谢',
    '好的，谢谢！',
    'ありがとう',
    'ＯＫ',
    'شكرا',
    'شكرًا',
  ])('of thanks, assent or a greeting does not borrow words: %s', (message) => {
    expect(queryTerms(message, 'selected text').borrows).toBe(false)
    if (!/\d/.test(message)) expect(queryTerms(message, null).terms).toEqual([])
  })

  test.each([
    'Why?',
    'why',
    'And in winter?',
    'warum',
    'なぜ',
    'ok?',
    '?',
    '好的？',
    'نعم؟',
    'Tell me more',
    'And him',
    'tokyo',
    'ok, and the dog',
    'もっと',
  ])('that goes on borrows words: %s', (message) =>
    expect(queryTerms(message, null).borrows).toBe(true),
  )
})

describe('the work grows with the length of any text', () => {
  const shapes: Record<string, string> = {
    'one letter': 'a',
    'one character of Han': '漢',
    'letters and digits': 'a1',
    marks: '\u0301',
    'marks out of order': '\u0301\u0323',
    'Thai marks': '\u0e48',
    digits: '7',
    spaces: ' ',
    emoji: '👩‍👩‍👧‍👦',
    'ligatures of 18 characters': 'ﷺ',
    'marks between soft hyphens': '\u0345\u0315\u0301\u0323\u0327\u0334\u0316\u0301\u00ad'.repeat(
      100,
    ),
    'marks between vowel points': '\u0301\u05b0\u0323\u064b',
    'Thai marks between soft hyphens': `${'\u0e48'.repeat(8)}\u00ad`,
    'letters that become marks': 'ﾞ\u0301ﾟ\u0323',
    'letters that become vowel points': '\ufe77\u0301\ufc62\u0323',
    'words between marks': 'a\u0301\u0323\u0327 ',
    'a mix': 'aé7漢ひカกำ한ع\u0301 ',
  }

  test.each(Object.entries(shapes))('%s', (_name, unit) => {
    for (const length of [2 ** 10, 2 ** 13, 2 ** 17]) {
      const normalize = vi.spyOn(String.prototype, 'normalize')
      const words = [...wordsOf(`a${unit.repeat(Math.ceil(length / unit.length))}`)]
      const normalized = normalize.mock.contexts.map(String)
      normalize.mockRestore()

      expect(words.length).toBeLessThanOrEqual(2 * Math.min(length, 8_000))
      // NFKC of all, which may make much of little, then NFD of each word.
      const read = normalized.reduce((sum, text) => sum + text.length, 0)
      expect(read).toBeLessThanOrEqual(2 * 8_000)
      // It sorts a row of marks in quadratic time.
      for (const text of normalized) expect(text).not.toMatch(/[\p{M}ﾞﾟ]{9}/u)
      for (const { written } of words) expect(written).not.toMatch(/\p{M}{9}/u)
    }
  })
})
