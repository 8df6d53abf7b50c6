import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { thinkingTags, writesOnlyClosingTag } from '../../../src/llm/thinking-tags.ts'
import { createThinkingFilter } from '../../../src/llm/thinking.ts'
import { anyPlaces, anyText, cutAt } from '../../generators/cut-text.ts'

interface Read {
  /** The reply as it is in the end. */
  text: string
  /** All that was shown meanwhile, a take-back as `⌫`. */
  shown: string
  isThinking: boolean
  thinkingBytes: number
  closedUnopened: boolean
}

/** Reads these pieces of a reply to its end. */
function read(pieces: readonly string[], { isUnopenedLikely = false, isCut = false } = {}): Read {
  const filter = createThinkingFilter(isUnopenedLikely)
  const all: Read = {
    text: '',
    shown: '',
    isThinking: false,
    thinkingBytes: 0,
    closedUnopened: false,
  }
  const take = (split: ReturnType<typeof filter.push>) => {
    all.text = (split.takesBack ? '' : all.text) + split.text
    all.shown += (split.takesBack ? '⌫' : '') + split.text
    all.isThinking ||= split.isThinking
    all.thinkingBytes += split.thinkingBytes
  }
  for (const piece of pieces) take(filter.push(piece))
  take(filter.end(isCut))
  all.closedUnopened = filter.closedUnopened
  return all
}

const single = (text: string) => Array.from(text)

describe('thinking at the beginning of a reply is no text', () => {
  test.each(thinkingTags)('in $opening', ({ opening, closing }) => {
    const reply = `\n ${opening}\nIs ${closing.slice(0, -1)} it?\n${closing}\n\nYes.`
    for (const pieces of [[reply], single(reply), [reply.toUpperCase()]])
      expect(read(pieces)).toMatchObject({
        text: expect.stringMatching(/^yes\.$/i),
        isThinking: true,
        closedUnopened: false,
      })
  })

  test.each([
    ['empty', '<think>\n\n</think>\n\nYes.', 'Yes.'],
    ['twice', '<think>a</think> <thinking>b</thinking>\nYes.', 'Yes.'],
    ['with a tag in it', '<think>a <think> b</thinking></think>Yes.', 'Yes.'],
    ['without an end', '<think>Is it? Yes.', ''],
    ['without an end, but half of one', '<think>Is it?</thi', ''],
    ['closed twice', '<think>a</think>\n</think>\n\nYes.', 'Yes.'],
    ['before a text with such a tag', '<think>a</think>So.\n</think>\nYes.', undefined],
    ['alone', '<think>Is it?</think>', ''],
    ['with a text that mentions it', '<think>a</think>Use `</think>`.\n</think>\nSo.', undefined],
  ])('%s', (_, reply, text = reply.replace('<think>a</think>', '')) => {
    for (const pieces of [[reply], single(reply)]) expect(read(pieces).text).toBe(text)
  })

  test('its bytes are counted', () => {
    expect(read(single('<think>é👋🏽</think>Yes.')).thinkingBytes).toBe(10)
    expect(read(single('é.\n</think>\nYes.')).thinkingBytes).toBe(4)
  })
})

describe('thinking without an opening tag', () => {
  const reply = 'Okay, the user asks.\nLet me `think`.\n</think>\n\nYes.'

  test.each([
    reply,
    'Okay.</think>\n\nYes.',
    '嗯。</think>Yes.',
    'Okay </thinking'.replace(' ', '\n') + '>\nYes.',
    'Okay\n[/THINK]Yes.',
    '</think>\n\nYes.',
    '```js\nx\n```\nOkay.\n</think>\nYes.',
  ])('is taken back at its end: %j', (said) => {
    for (const pieces of [[said], single(said)]) {
      const { text, closedUnopened } = read(pieces)
      expect(text).toBe('Yes.')
      expect(closedUnopened).toBe(true)
    }
    expect(read(single(said)).shown.endsWith('⌫Yes.')).toBe(true)
  })

  test('is never shown if the model is likely to write it', () => {
    const { shown, isThinking } = read(single(reply), { isUnopenedLikely: true })
    expect(shown).toBe('Yes.')
    expect(isThinking).toBe(true)
  })

  test('leaves a whole reply that has none as it is, though it comes at its end', () => {
    const { text, shown } = read(single('\nYes, </th.'), { isUnopenedLikely: true })
    expect([text, shown]).toEqual(['\nYes, </th.', '\nYes, </th.'])
  })

  test('leaves nothing of a reply that broke off before its end', () => {
    expect(read(single('Okay, the user'), { isUnopenedLikely: true, isCut: true }).text).toBe('')
  })

  test.each([
    'The tag `</think>` ends it.',
    'Use </think> to end it.',
    'It ends with "</think>".',
    'It is </think>, and more.',
    '```xml\n<a>\n</think>\n```\nSo.',
    '~~~\n</think>\n~~~',
    'Write <think>, then\n</think>\nSo.',
    'Use `</think>`. So:\n</think>\nDone.',
  ])('is not seen in a text that mentions the tag: %j', (said) => {
    for (const pieces of [[said], single(said)]) {
      const { text, shown, closedUnopened } = read(pieces)
      expect([text, shown, closedUnopened]).toEqual([said, said, false])
    }
  })

  test.each([
    ['deepseek-r1', true],
    ['deepseek-ai/DeepSeek-R1-Distill-Qwen-32B', true],
    ['@cf/deepseek-ai/deepseek-r1-distill-qwen-32b', true],
    ['@cf/qwen/qwq-32b', true],
    ['Qwen/Qwen3-235B-A22B-Thinking-2507', true],
    ['qwen3:8b', false],
    ['deepseek-chat', false],
    ['gpt-5.2', false],
    ['command-r1x', false],
    ['claude-opus-4-thinking', false],
  ])('is expected of %s: %s', (model, isExpected) => {
    expect(writesOnlyClosingTag(model)).toBe(isExpected)
  })
})

describe('ordinary text', () => {
  test.each([
    '<',
    '< 5',
    '<b>x</b>',
    '<thin ice>',
    '  <thinker>',
    '[think tank]',
    'a <think>b</think>',
  ])('passes whole: %j', (text) => {
    expect(read([text]).text).toBe(text)
    expect(read(single(text)).shown).toBe(text)
  })

  test('does not wait for more than could still be a tag', () => {
    const filter = createThinkingFilter(false)
    const shown = [' ', '<', 't', 'able>', ' a <', '/', 'b', '</thin', 'g'].map(
      (piece) => filter.push(piece).text,
    )
    expect(shown).toEqual(['', '', '', ' <table>', ' a ', '', '</b', '', '</thing'])
  })

  test('of white space alone is none', () => {
    expect(read([' ', '\n\n']).text).toBe('')
  })

  test('of half a tag is none if the reply broke off', () => {
    expect(read(['<thin'], { isCut: true }).text).toBe('')
    expect(read(['<thin']).text).toBe('<thin')
    expect(read(['Hi </thin'], { isCut: true }).text).toBe('Hi </thin')
  })
})

describe('wherever a reply is cut into pieces', () => {
  const anyTag = fc.constantFrom(...thinkingTags)
  const anyPart = fc.oneof(
    anyText,
    fc.constantFrom(
      '\n',
      ' ',
      '<',
      '</',
      '`',
      '```\n',
      '.',
      'a',
      '\n</think>\n',
      '<think>',
      '</think>',
    ),
    anyTag.map(({ opening, closing }) => `${opening}So…${closing}`),
    anyTag.chain(({ closing, opening }) =>
      fc.nat(closing.length).map((size) => `${opening.slice(0, size)}${closing.slice(0, size)}`),
    ),
  )
  const anyReply = fc.array(anyPart, { maxLength: 8 }).map((parts) => parts.join(''))

  test('its text and its thinking are the same', () => {
    fc.assert(
      fc.property(
        anyReply,
        anyPlaces,
        fc.boolean(),
        fc.boolean(),
        (reply, places, isUnopenedLikely, isCut) => {
          const whole = read([reply], { isUnopenedLikely, isCut })
          const pieces = read(cutAt(reply, places), { isUnopenedLikely, isCut })
          expect({ ...pieces, shown: '', thinkingBytes: 0 }).toEqual({
            ...whole,
            shown: '',
            thinkingBytes: 0,
          })
          // A cut inside a character counts up to two bytes more.
          const more = pieces.thinkingBytes - whole.thinkingBytes
          expect(more >= 0 && more <= 2 * places.length).toBe(true)
        },
      ),
      { numRuns: 3_000 },
    )
  })

  test('a block before it changes nothing of a text that begins with none', () => {
    const isPlain = (text: string) => /^[^\s<[◁]/.test(text) && !/[<[◁]/.test(text)
    fc.assert(
      fc.property(
        anyTag,
        anyText,
        anyText.filter(isPlain),
        anyPlaces,
        (tag, thought, text, places) => {
          fc.pre(!tag.closingPattern.test(thought))
          const reply = `${tag.opening}${thought}${tag.closing}\n\n${text}`
          expect(read(cutAt(reply, places)).shown).toBe(text)
        },
      ),
    )
  })
})

test('the cost is linear in hostile text', () => {
  const count = 60_000
  for (const piece of ['</think>', '<think>', ' ', '<', '`</think>`\n', '</thin'])
    for (const isUnopenedLikely of [false, true])
      expect(read(Array(count).fill(piece), { isUnopenedLikely }).text.length).toBeLessThanOrEqual(
        count * piece.length,
      )
})
