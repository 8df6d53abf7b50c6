import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createJwtVerifier, type JwtVerifier } from '../../../src/auth/jwt-verifier.ts'
import { type KeysFault, keysFaults, type Login, startLogin } from '../../rigs/login.ts'

let login: Login
beforeAll(async () => {
  login = await startLogin()
})
beforeEach(() => {
  // On a whole second, so that nothing is rounded. Time passes only by `pass`.
  vi.useFakeTimers({ toFake: ['Date'], now: Math.floor(Date.now() / 1_000) * 1_000 })
  login.requests = []
  login.fault = undefined
})
afterEach(() => vi.useRealTimers())
afterAll(() => login.close())

/** The verifier of a new isolate, which has no keys. */
function newVerifier(): JwtVerifier {
  const { AUTH_JWKS_URL: jwksUrl, AUTH_ISSUER: issuer } = login.vars
  const verify = createJwtVerifier({ jwksUrl, issuer, audience: undefined, secret: undefined })
  if (verify === undefined) throw new Error('no verifier')
  return verify
}

function pass(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1_000)
}

/** Shortens every timeout to a thirtieth. */
function hurry() {
  const timeout = AbortSignal.timeout.bind(AbortSignal)
  return vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => timeout(ms / 30))
}

const refused = { code: 'unauthorized' }
const unavailable = { code: 'auth_unavailable', options: { retryAfterSeconds: 5 } }

test('a site without keys and without a secret has no login', () => {
  const nothing = { jwksUrl: undefined, secret: undefined, issuer: 'x', audience: 'x' }
  expect(createJwtVerifier(nothing)).toBeUndefined()
})

describe('the clock of the signer may be off by 5 seconds', () => {
  const now = () => Date.now() / 1_000

  test('at the end of a token', async () => {
    const verify = newVerifier()
    const token = await login.sign({ sub: 'ada', exp: now() })
    pass(4)
    expect(await verify(token)).toBe('user:ada')
    pass(1)
    await expect(verify(token)).rejects.toMatchObject({
      ...refused,
      message: 'The JWT has expired',
    })
  })

  test('at its beginning', async () => {
    const verify = newVerifier()
    const token = await login.sign({ sub: 'ada', nbf: now() + 6 })
    await expect(verify(token)).rejects.toMatchObject(refused)
    pass(1)
    expect(await verify(token)).toBe('user:ada')
  })
})

describe('public keys', () => {
  test('are fetched once for many tokens, and again after ten minutes', async () => {
    const verify = newVerifier()
    const token = await login.sign({ sub: 'ada', exp: 4_000_000_000 })
    for (let time = 0; time < 20; time += 1) expect(await verify(token)).toBe('user:ada')
    pass(599)
    await verify(token)
    expect(login.requests).toHaveLength(1)
    pass(1)
    await verify(token)
    expect(login.requests).toHaveLength(2)
    pass(599)
    await verify(token)
    expect(login.requests).toHaveLength(2)
  })

  test('that were withdrawn are forgotten within ten minutes', async () => {
    const verify = newVerifier()
    const token = await login.sign({ exp: 4_000_000_000 })
    await verify(token)
    await login.rotate('ES256')
    pass(600)
    await expect(verify(token)).rejects.toMatchObject(refused)
  })

  test('that are new are found at once, by a request every ten seconds at most', async () => {
    const verify = newVerifier()
    await verify(await login.sign())
    await login.rotate('ES256')
    const token = await login.sign({ sub: 'ada' })
    pass(10)
    expect(await verify(token)).toBe('user:ada')
    expect(login.requests).toHaveLength(2)
    const unknown = () => login.sign({}, { kid: crypto.randomUUID() })
    for (let time = 0; time < 20; time += 1)
      await expect(verify(await unknown())).rejects.toMatchObject(refused)
    expect(login.requests).toHaveLength(2)
    pass(10)
    await expect(verify(await unknown())).rejects.toMatchObject(refused)
    expect(login.requests).toHaveLength(3)
    expect(await verify(token)).toBe('user:ada')
  })

  test('need no name if only one key fits the token', async () => {
    const verify = newVerifier()
    const header = { alg: 'ES384', kid: undefined } as never
    expect(await verify(await login.sign({ sub: 'ada' }, header))).toBe('user:ada')
    const { keys } = login.jwks
    login.jwks = { keys: [...keys, ...keys] }
    await expect(newVerifier()(await login.sign({}, header))).rejects.toMatchObject(refused)
    login.jwks = { keys }
  })
})

test.each(keysFaults)(
  'if the keys cannot be fetched (%s), no token is called wrong',
  async (fault) => {
    const timeouts = hurry()
    const verify = newVerifier()
    const token = await login.sign({ sub: 'ada' })
    login.fault = fault
    await expect(verify(token)).rejects.toMatchObject(unavailable)
    expect(login.requests).toHaveLength(1)
    expect(timeouts).toHaveBeenCalledExactlyOnceWith(3_000)
    timeouts.mockRestore()
    login.fault = undefined
    expect(await verify(token)).toBe('user:ada')
  },
)

test.each<KeysFault>(['refuse', 'html', 'error'])(
  'if the keys cannot be fetched again (%s), the old ones stay in use for an hour',
  async (fault) => {
    const verify = newVerifier()
    const token = await login.sign({ sub: 'ada', exp: 4_000_000_000 })
    await verify(token)
    login.fault = fault
    pass(600)
    expect(await verify(token)).toBe('user:ada')
    expect(login.requests).toHaveLength(2)
    // Not every request tries it again.
    expect(await verify(token)).toBe('user:ada')
    expect(login.requests).toHaveLength(2)
    pass(3_000)
    await expect(verify(token)).rejects.toMatchObject(unavailable)
    login.fault = undefined
    expect(await verify(token)).toBe('user:ada')
  },
)
