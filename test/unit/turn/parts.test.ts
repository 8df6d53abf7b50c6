import { describe, expect, test } from 'vitest'
import {
  promptMessages,
  promptParts,
  promptTokens,
  sentPrompt,
  shorterPrompt,
} from '../../../src/turn/prompt/parts.ts'
import { renderMessage } from '../../../src/turn/prompt/render.ts'
import type { SentPrompt } from '../../../src/turn/turn-end.ts'
import type { WindowTurn } from '../../../src/turn/turn.ts'

function turn(seq: number, tokens: number, contextText: string | null = null): WindowTurn {
  return {
    seq,
    replySeq: seq + 1,
    message: `question ${seq}`,
    contextText,
    reply: `answer ${seq}`,
    tokens,
    exact: false,
  }
}

const system = { content: 'Be brief.', tokens: 3 }
const message = { seq: 9, content: 'And now?', tokens: 4 }

function sentFrom(windowFrom: number): SentPrompt {
  return { windowFrom, recalled: [], recalledElsewhere: 0, recalledTokens: 0 }
}

describe('a prompt', () => {
  test('is the system prompt, whole turns oldest first, and the message', () => {
    const parts = promptParts({ system, window: [turn(5, 20, 'a\nb'), turn(7, 30)], message })
    expect(promptMessages(parts)).toEqual([
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: 'The visitor selected this text on the page:\n\n> a\n> b\n\nquestion 5',
      },
      { role: 'assistant', content: 'answer 5' },
      { role: 'user', content: 'question 7' },
      { role: 'assistant', content: 'answer 7' },
      { role: 'user', content: 'And now?' },
    ])
    // 4 for the system prompt and for the message, 3 for the reply; a turn's tokens include its own.
    expect(promptTokens(parts)).toBe(3 + 4 + 20 + 30 + 4 + 4 + 3)
    expect(sentPrompt(parts)).toEqual(sentFrom(5))
  })

  test('without a window begins at its own message', () => {
    const parts = promptParts({ system, window: [], message })
    expect(sentPrompt(parts)).toEqual(sentFrom(9))
  })

  test('has what is recalled in the last user message, and records it', () => {
    const turns = [
      { replySeq: 2 },
      { sessionId: crypto.randomUUID(), replySeq: 8 },
      { replySeq: 4 },
    ]
    const recalled = { turns, tokens: 12, content: '> earlier' }
    const parts = promptParts({ system, window: [turn(7, 30)], recalled, message })
    expect(promptMessages(parts).at(-1)).toEqual({
      role: 'user',
      content: '> earlier\n\nAnd now?',
    })
    expect(promptMessages(parts)).toHaveLength(4)
    expect(promptTokens(parts)).toBe(3 + 4 + 30 + 12 + 4 + 4 + 3)
    const sent = { windowFrom: 7, recalled: [2, 4], recalledElsewhere: 1, recalledTokens: 12 }
    expect(sentPrompt(parts)).toEqual(sent)
    expect(sentPrompt(shorterPrompt(parts, 1))).toEqual(sentFrom(7))
  })

  test('that is too long keeps its newest turns, up to a share of their tokens', () => {
    const parts = promptParts({ system, window: [turn(3, 40), turn(5, 30), turn(7, 30)], message })
    const shorter = shorterPrompt(parts, 0.6)
    expect(shorter.map(({ kind }) => kind)).toEqual(['system', 'turn', 'turn', 'message'])
    expect(sentPrompt(shorter).windowFrom).toBe(5)
    expect(sentPrompt(shorterPrompt(parts, 0.59)).windowFrom).toBe(7)
    expect(sentPrompt(shorterPrompt(parts, 0.1)).windowFrom).toBe(9)
  })
})

test.each(['\r', '\n', '\r\n', '\u2028', '\u2029'])(
  'a quotation does not end at the line break %j',
  (lineBreak) => {
    const rendered = renderMessage('Hi', `one${lineBreak}two`)
    expect(rendered).toBe('The visitor selected this text on the page:\n\n> one\n> two\n\nHi')
  },
)
