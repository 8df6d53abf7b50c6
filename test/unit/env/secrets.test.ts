import { describe, expect, test } from 'vitest'
import { createDeps } from '../../../src/deps.ts'
import { Problem } from '../../../src/errors.ts'

const right: Record<string, string> = {
  DATABASE_URL: 'postgres://user:swordfish@host/db',
  OPENAI_API_KEY: `sk-swordfish-${'x'.repeat(40)}`,
  ADMIN_TOKEN: `swordfish-${'x'.repeat(40)}`,
  AUTH_JWT_SECRET: `swordfish-${'x'.repeat(40)}`,
  AUTH_AUDIENCE: 'chat',
}
const secrets = ['DATABASE_URL', 'OPENAI_API_KEY', 'ADMIN_TOKEN', 'AUTH_JWT_SECRET']
/** The secrets that a request sends or receives in a header. */
const inHeaders = secrets.filter((name) => name !== 'AUTH_JWT_SECRET')

/** The Worker's complaint about these settings, which must name one of them and not its value. */
function refusal(name: string, value: string): string {
  try {
    createDeps({ ...right, [name]: value })
  } catch (error) {
    expect(error).toBeInstanceOf(Problem)
    const { code, detail, settings } = (error as Problem).toJSON()
    expect({ code, settings }).toEqual({
      code: 'misconfigured',
      settings: [{ name, message: expect.stringMatching(/./) }],
    })
    expect(JSON.stringify([detail, settings, String(error), error])).not.toMatch(/swordfish|xxx/)
    return detail as string
  }
  return 'accepted'
}

/** The value with these characters before its last one, which keeps a URL a URL. */
const inside = (name: string, characters: string) =>
  (right[name] ?? '').replace('swordfish', `sword${characters}fish`)

describe.each(secrets)('%s is refused by its name', (name) => {
  const value = right[name] ?? ''

  test('with a space or a line break around it, as a copy or a file may add', () => {
    for (const padded of [
      `${value}\n`,
      `${value}\r\n`,
      ` ${value}`,
      `${value}\t`,
      `\uFEFF${value}`,
    ])
      expect(refusal(name, padded)).toContain('must not begin or end with a space or a line break')
  })

  test('with a line break in it', () => {
    for (const lineBreak of ['\n', '\r', '\r\n', '\u2028'])
      expect(refusal(name, inside(name, lineBreak))).toContain('must not contain a line break')
  })

  test('with a control character in it', () => {
    for (const character of ['\0', '\t', '\u0001', '\u001B', '\u007F', '\u0085', '\u009F'])
      expect(refusal(name, inside(name, character))).toContain('must not contain control')
  })

  test('unless it is right', () => {
    expect(refusal(name, value)).toBe('accepted')
  })
})

const notAscii = ['é', 'ÿ', '\u00A0', '“', '\u200B', 'ключ', '密', '🔑', '\uD83D']

test.each(inHeaders)('%s goes into a header, so it is refused unless it is ASCII', (name) => {
  for (const character of [...notAscii, ' '])
    expect(refusal(name, inside(name, character))).toMatch(new RegExp(`^${name} must`))
})

test('AUTH_JWT_SECRET goes into no header, so it may hold any letter and spaces', () => {
  for (const character of ['é', ' ', '密'])
    expect(refusal('AUTH_JWT_SECRET', inside('AUTH_JWT_SECRET', character))).toBe('accepted')
})

describe('DATABASE_URL', () => {
  test.each([
    ['a % that is not encoded', 'postgres://user:50%swordfish@host/db', 'written %25'],
    ['half an encoded character', 'postgres://user:swordfish%C3@host/db', 'written %25'],
    ['a name that is not decodable', 'postgres://%zz:swordfish@host/db', 'written %25'],
    ['a slash in the password', 'postgres://user:5/swordfish@host/db', 'percent-encoded'],
    ['an @ in the name', 'postgres://a@user:5/swordfish@host/db', 'percent-encoded'],
    ['a number sign in the password', 'postgres://user:5#swordfish@host/db', 'percent-encoded'],
    ['the command of psql', "psql 'postgres://user:swordfish@host/db'", 'is not of the form'],
    ['quotes', '"postgres://user:swordfish@host/db"', 'is not of the form'],
    ['its name', 'DATABASE_URL=postgres://user:swordfish@host/db', 'is not of the form'],
    ['no password', 'postgres://swordfish@host/db', 'must name a password'],
    ['no password on this machine', 'postgres://swordfish@localhost/db', 'must name a password'],
  ])('is refused with %s', (_, value, message) => {
    expect(refusal('DATABASE_URL', value)).toContain(message)
  })

  test('may have an encoded password, and options', () => {
    const encoded = `postgres://us%40er:${encodeURIComponent('sw%/?#@ é“')}@host/db`
    for (const value of [encoded, `${encoded}?sslmode=require&channel_binding=require`])
      expect(refusal('DATABASE_URL', value)).toBe('accepted')
  })
})

describe.each(['OPENAI_BASE_URL', 'AUTH_JWKS_URL'])('%s', (name) => {
  test('is refused with a password, which the Worker would not send', () => {
    const message = 'must not contain a user or a password'
    expect(refusal(name, 'https://user:swordfish@model.example/v1')).toContain(message)
  })

  test('is refused with a line break, which a URL would swallow', () => {
    const message = 'must not contain a line break'
    expect(refusal(name, 'https://model.example/\nswordfish')).toContain(message)
  })
})
