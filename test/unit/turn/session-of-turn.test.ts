import { describe, expect, test } from 'vitest'
import { sessionIdOf, titleOf } from '../../../src/turn/session-of-turn.ts'

const messageId = '0b51b8d2-3c1e-4a63-9d53-8a9a8b1f2c11'

describe('the session of a turn without a session id', () => {
  test('is the same for the same user and message_id', async () => {
    expect(await sessionIdOf('visitor:a', messageId)).toBe(
      await sessionIdOf('visitor:a', messageId),
    )
  })

  test('differs between users and between messages', async () => {
    const ids = await Promise.all([
      sessionIdOf('visitor:a', messageId),
      sessionIdOf('visitor:b', messageId),
      sessionIdOf('visitor:a', messageId.replace('0b51', '0b52')),
      sessionIdOf('visitor:a', undefined),
      sessionIdOf('visitor:a', undefined),
    ])
    expect(new Set(ids).size).toBe(5)
  })

  test.each([messageId, undefined])(
    'is a UUID of version 8 (RFC 9562), of message_id %s',
    async (id) => {
      expect(await sessionIdOf('visitor:a', id)).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      )
    },
  )
})

describe('the title of a new session', () => {
  test('is the first line of its first message', () => {
    expect(titleOf('\n  My name is Ada. \r\nAnd more')).toBe('My name is Ada.')
  })

  test('is the first line that shows something, without what shows nothing at its ends', () => {
    expect(titleOf('\u200b\n \u2060\r\n\ufeff\u00ad Hello\u200b, you\u200b \nAnd more')).toBe(
      'Hello\u200b, you',
    )
    for (const end of ['\r', '\n', '\r\n', '\v', '\f', '\u0085', '\u2028', '\u2029'])
      expect(titleOf(`Hello${end}you`)).toBe('Hello')
    expect(titleOf('I ❤️')).toBe('I ❤️')
  })

  test('is cut at 80 characters, never inside one', () => {
    expect(titleOf('x'.repeat(200))).toHaveLength(80)
    for (const character of ['😀', '🇺🇳', '👨‍👩‍👧‍👦', 'e\u0301', 'क्षि'])
      expect(titleOf(`${'x'.repeat(79)}${character}y`)).toBe('x'.repeat(79))
    expect(titleOf(`${'x'.repeat(75)} \u200b 👨‍👩‍👧‍👦 y`)).toBe('x'.repeat(75))
  })
})
