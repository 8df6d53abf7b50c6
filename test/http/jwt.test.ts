import { createServer, type Server } from 'node:http'
import {
  base64url,
  CompactSign,
  EncryptJWT,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTHeaderParameters,
  SignJWT,
  UnsecuredJWT,
} from 'jose'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { listen } from '../../scripts/dev/listen.ts'
import { createClient, newVisitor } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { type Login, startLogin } from '../rigs/login.ts'
import { problemOf } from '../rigs/problem.ts'
import { sessionRequests } from '../rigs/routes.ts'
import { useRig } from '../rigs/start-rig.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'

const db = testDatabase()

let login: Login
/** A server of keys that are not the login's, for headers that point to it. */
let elsewhere: { server: Server; url: string; calls: number; jwks: { keys: JWK[] } }

beforeAll(async () => {
  const server = createServer((_, response) => {
    elsewhere.calls += 1
    response.end(JSON.stringify(elsewhere.jwks))
  })
  const url = `http://127.0.0.1:${await listen(server)}/jwks.json`
  elsewhere = { server, url, calls: 0, jwks: { keys: [] } }
})
const { rig } = useRig(async () => {
  login = await startLogin()
  // Before the Worker fetches the keys: it looks for an unknown one every ten seconds at most.
  for (const alg of publicKeyAlgorithms) await login.rotate(alg)
  return login.vars
})
afterAll(async () => {
  await login.close()
  await new Promise((resolve) => elsewhere.server.close(resolve))
})

const publicKeyAlgorithms = ['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA']
const secret = () => new TextEncoder().encode(login.vars.AUTH_JWT_SECRET)
const now = () => Math.floor(Date.now() / 1_000)

const get = (token: string) => createClient(rig.url, token).request('GET', '/v1/sessions')

describe('a JWT', () => {
  test('identifies the user that its sub names, under every algorithm', async () => {
    const sub = `ada|${crypto.randomUUID()} 🧮`
    const tokens = await Promise.all([
      ...publicKeyAlgorithms.map((alg) => login.sign({ sub }, { alg })),
      ...['HS256', 'HS384', 'HS512'].map((alg) => login.signBySecret({ sub }, { alg })),
      login.signBySecret({ sub, aud: ['another', login.vars.AUTH_AUDIENCE] }),
      login.signBySecret({
        sub,
        nbf: now() - 60,
        iat: now() - 60,
        name: 'Ada',
        role: 'authenticated',
      }),
    ])
    const { session_id } = await createClient(rig.url, tokens[0]).chat({ message: 'Hello' })
    for (const token of tokens) {
      const client = createClient(rig.url, token)
      const { data } = await client.expect(200, 'GET', '/v1/sessions')
      expect(data).toMatchObject([{ id: session_id }])
    }
    const row = db.kysely.selectFrom('sessions').select('user_id').where('id', '=', session_id)
    expect(await row.executeTakeFirst()).toEqual({ user_id: `user:${sub}` })
  })

  test('gets no visitor token; a visitor without a JWT still does', async () => {
    const user = createClient(rig.url, await login.sign())
    expect(await user.chat({ message: 'Hello' })).not.toHaveProperty('visitor_token')
    expect(await user.expect(201, 'POST', '/v1/sessions')).not.toHaveProperty('visitor_token')
    const { visitor_token } = await createClient(rig.url).chat({ message: 'Hello' })
    const { data } = await createClient(rig.url, visitor_token).expect(200, 'GET', '/v1/sessions')
    expect(data).toHaveLength(1)
  })

  test('may have a sub of 255 characters', async () => {
    const sub = 'x'.repeat(219) + crypto.randomUUID()
    const user = createClient(rig.url, await login.signBySecret({ sub }))
    await user.expect(201, 'POST', '/v1/sessions')
    expect((await user.expect(200, 'GET', '/v1/sessions')).data).toHaveLength(1)
  })

  test('with the sub of a visitor is another user, and reads nothing of the visitor', async () => {
    const visitor = await newVisitor(rig.url)
    const { session_id } = await visitor.chat({ message: 'Hello' })
    const { token = '' } = visitor
    for (const sub of [visitorIdOf(token), token, session_id]) {
      const user = createClient(rig.url, await login.sign({ sub }))
      expect((await user.expect(200, 'GET', '/v1/sessions')).data).toEqual([])
      await user.expect(404, 'GET', `/v1/sessions/${session_id}`)
    }
  })

  test("gets the same bytes and calls for another user's session as for a missing one", async () => {
    const users = await Promise.all([login.sign(), login.sign(), login.signBySecret()])
    const [owner, ...strangers] = users.map((token) => createClient(rig.url, token))
    const visitor = await newVisitor(rig.url)
    const message_id = crypto.randomUUID()
    const { session_id } = await owner!.chat({ message: 'Hello', message_id })
    const missing = crypto.randomUUID()
    for (const client of [...strangers, visitor])
      for (const request of Object.values(sessionRequests(session_id, message_id)).flat()) {
        const answerTo = async ([method, path, body]: typeof request) => {
          rig.clear()
          const response = await client.request(method, path, body)
          const problem = { ...(await problemOf(response)), request_id: '' }
          const headers = [...response.headers].filter(
            ([name]) => !/^(date|x-request-id)$/.test(name),
          )
          const calls = rig.database.calls.map(({ statements }) => statements)
          return { status: response.status, headers, body: JSON.stringify(problem), calls }
        }
        const theirs = await answerTo(request)
        expect(theirs.status, request.join(' ')).toBe(404)
        expect(theirs.calls).toHaveLength(1)
        const moved = JSON.parse(JSON.stringify(request).replaceAll(session_id, missing))
        expect(await answerTo(moved)).toEqual(theirs)
        expect(rig.model.requests).toEqual([])
      }
    await owner!.expect(200, 'GET', `/v1/sessions/${session_id}`)
  })
})

/** Every way to be wrong, with a function that makes such a token. */
const wrong: Record<string, () => string | Promise<string>> = {
  'not yet valid': () => login.sign({ nbf: now() + 120 }),
  'for another audience': () => login.sign({ aud: 'shop' }),
  'for other audiences': () => login.sign({ aud: ['shop', 'blog'] }),
  'for an audience that begins like it': () =>
    login.sign({ aud: `${login.vars.AUTH_AUDIENCE}.example` }),
  'for no audience': () => login.sign({ aud: undefined }),
  'of another issuer': () => login.sign({ iss: 'https://login.example.com' }),
  'of no issuer': () => login.sign({ iss: undefined }),
  'of two issuers': () => login.signBySecret({ iss: [login.vars.AUTH_ISSUER] }),
  'without exp': () => login.sign({ exp: undefined }),
  'with an exp that is text': () => login.signBySecret({ exp: String(now() + 60) }),
  'with an exp of null': () => login.signBySecret({ exp: null }),
  'with an nbf that is text': () => login.signBySecret({ nbf: '0' }),
  'without sub': () => login.sign({ sub: undefined }),
  'with a sub of null': () => login.signBySecret({ sub: null }),
  'with a sub that is a number': () => login.signBySecret({ sub: 7 }),
  'with a sub that is an object': () => login.signBySecret({ sub: { id: 'ada' } }),
  'with a sub that is a list': () => login.signBySecret({ sub: ['ada'] }),
  'with a sub of true': () => login.signBySecret({ sub: true }),
  'with an empty sub': () => login.signBySecret({ sub: '' }),
  'with a blank sub': () => login.signBySecret({ sub: ' \t' }),
  'with NUL in its sub': () => login.signBySecret({ sub: 'ada\0' }),
  'with a lone surrogate in its sub': () => login.signBySecret({ sub: 'ada\ud83d' }),
  'with a sub of 256 characters': () => login.signBySecret({ sub: 'x'.repeat(256) }),
  'longer than 8 KiB': () => login.signBySecret({ name: 'x'.repeat(8_000) }),
  'as long as a header may be': () => `${'e'.repeat(12_000)}.e30.e30`,

  'signed by nobody (alg: none)': () =>
    new UnsecuredJWT(login.claims()).setExpirationTime('1h').encode(),
  'signed by nobody (alg: None)': async () => withHeader(await login.sign(), { alg: 'None' }, ''),
  'signed by nobody (alg: nOnE, with a signature)': async () =>
    withHeader(await login.sign(), { alg: 'nOnE' }),
  'signed by nobody (no alg)': async () => withHeader(await login.sign(), {}),
  'whose alg is a list': async () => withHeader(await login.sign(), { alg: ['ES256'] }),
  'whose signature is empty': async () => (await login.sign()).replace(/[^.]*$/, ''),
  'whose signature is another': async () =>
    (await login.sign()).replace(/[^.]*$/, (await login.sign()).split('.')[2] ?? ''),
  'whose signature is of zeros': async () => (await login.sign()).replace(/[^.]*$/, 'A'.repeat(86)),
  'of another user under the same signature': async () =>
    withClaims(await login.sign(), login.claims({ sub: 'ada' })),
  'with an exp that was moved': async () =>
    withClaims(
      await login.signBySecret({ sub: 'ada' }),
      login.claims({ sub: 'ada', exp: 4_000_000_000 }),
    ),
  'of another secret': () => signWith(new TextEncoder().encode(`${login.vars.AUTH_JWT_SECRET}x`)),
  'of an empty secret': async () => hmacWith(''),
  'of a key that is not the login’s': async () => {
    const { privateKey } = await generateKeyPair('ES256')
    return signWith(privateKey, { alg: 'ES256', kid: kidOf('ES256') })
  },
  'of a key that is not the login’s, without its name': async () => {
    const { privateKey } = await generateKeyPair('ES256')
    return signWith(privateKey, { alg: 'ES256' })
  },
  'whose key is of another algorithm': () => login.sign({}, { alg: 'ES256', kid: kidOf('RS256') }),
  'that says HS256 and is signed with the public key, as PEM': async () => {
    const key = (await importJWK(jwkOf('RS256'), 'RS256')) as CryptoKey
    return hmacWith(await exportSPKI(key), { kid: kidOf('RS256') })
  },
  'that says HS256 and is signed with the public key, as PEM without its last line end':
    async () => {
      const key = (await importJWK(jwkOf('RS256'), 'RS256')) as CryptoKey
      return hmacWith((await exportSPKI(key)).trimEnd())
    },
  'that says HS256 and is signed with the public key, as JSON': () =>
    hmacWith(JSON.stringify(jwkOf('RS256')), { kid: kidOf('RS256') }),
  'that says HS256 and is signed with the modulus': () => hmacWith(jwkOf('RS256').n ?? ''),
  'that says HS256 and is signed with the key’s name': () => hmacWith(kidOf('RS256')),
  'that says RS256 and is signed with the secret': async () =>
    withHeader(await login.signBySecret(), { alg: 'RS256', kid: kidOf('RS256') }),
  'that says ES256K': async () => withHeader(await login.sign(), { alg: 'ES256K' }),

  'with a header that it calls critical': () =>
    hmacWith(login.vars.AUTH_JWT_SECRET, { crit: ['x'], x: 1 }),
  'that is encrypted': () =>
    new EncryptJWT(login.claims())
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(secret().slice(0, 32)),
  'whose claims are not encoded': async () => {
    const sign = new CompactSign(secret()).setProtectedHeader({ alg: 'HS256' })
    return sign.sign(secret()).then((token) => token.replace(/\.[^.]*\./, '.{"sub":"ada"}.'))
  },
  'whose claims are a list': () => signPayload('[{"sub":"ada"}]'),
  'whose claims are text': () => signPayload('"ada"'),
  'whose claims are no JSON': () => signPayload('{'),
  'whose claims are no UTF-8': () => signPayload(new Uint8Array([0xff, 0xfe])),
  'within a JWT': async () => signPayload(await login.signBySecret(), { cty: 'JWT' }),
  'in one part': async () => (await login.signBySecret()).replaceAll('.', ''),
  'in two parts': async () => (await login.signBySecret()).replace(/\.[^.]*$/, ''),
  'in four parts': async () => `${await login.signBySecret()}.e30`,
  'in five parts': () => 'e30.e30.e30.e30.e30',
  'of dots': () => '..',
  'whose header is no JSON': async () => (await login.signBySecret()).replace(/^[^.]*/, 'e30x'),
  'whose header is a list': async () => (await login.signBySecret()).replace(/^[^.]*/, 'W10'),
  'behind vst_': async () => `vst_${await login.signBySecret()}`,
  'in base64 of another kind': async () => `${await login.signBySecret()}=`,
  'with another behind a comma': async () =>
    `${await login.signBySecret()},${await login.signBySecret()}`,

  'whose key’s name is unknown': () => login.sign({}, { kid: crypto.randomUUID() }),
  'whose key’s name is a path': () => signKid('../../../../dev/null'),
  'whose key’s name is SQL': () => signKid("x' union select 'AAAA"),
  'whose key’s name is a URL': () => signKid(elsewhere.url),
  'whose key’s name is an object': () => signKid({ toString: 'x' }),
  'whose key’s name is __proto__': () => signKid('__proto__'),
  'whose key’s name is 6 KB': () => signKid('x'.repeat(6_000)),
}

/** Headers that bring a key of their own, or point to one. */
const bringing: Record<string, (key: JWK) => Record<string, unknown>> = {
  jwk: (jwk) => ({ jwk }),
  jku: () => ({ jku: elsewhere.url }),
  x5u: () => ({ x5u: elsewhere.url }),
  x5c: ({ n = '' }) => ({ x5c: [n] }),
  'jku with the login’s kid': () => ({ jku: elsewhere.url, kid: kidOf('RS256') }),
  'jwk with the login’s kid': (jwk) => ({
    jwk: { ...jwk, kid: kidOf('RS256') },
    kid: kidOf('RS256'),
  }),
  'an issuer of its own': () => ({ iss: elsewhere.url }),
}

const json = (value: unknown) => base64url.encode(JSON.stringify(value))

function withHeader(token: string, header: object, signature?: string): string {
  const [, claims, signed] = token.split('.')
  return `${json(header)}.${claims}.${signature ?? signed}`
}

function withClaims(token: string, claims: object): string {
  const [header, , signature] = token.split('.')
  return `${header}.${json(claims)}.${signature}`
}

function jwkOf(alg: string): JWK {
  const jwk = login.jwks.keys.find((each) => each.alg === alg)
  if (jwk === undefined) throw new Error(`no key for ${alg}`)
  return jwk
}

const kidOf = (alg: string) => jwkOf(alg).kid ?? ''

function signWith(key: Uint8Array | CryptoKey, header: Partial<JWTHeaderParameters> = {}) {
  return new SignJWT(login.claims()).setProtectedHeader({ alg: 'HS256', ...header }).sign(key)
}

/** With Node's own HMAC: jose and WebCrypto refuse some of these keys. */
async function hmacWith(key: string, header: object = {}): Promise<string> {
  const { createHmac } = await import('node:crypto')
  const signed = `${json({ alg: 'HS256', ...header })}.${json(login.claims())}`
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

function signPayload(payload: string | Uint8Array, header: object = {}) {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
  return new CompactSign(bytes).setProtectedHeader({ alg: 'HS256', ...header }).sign(secret())
}

async function signKid(kid: unknown): Promise<string> {
  const { privateKey } = await generateKeyPair('RS256')
  const header = { alg: 'RS256', kid } as JWTHeaderParameters
  return new SignJWT(login.claims()).setProtectedHeader(header).sign(privateKey)
}

async function expectRefused(token: string, detail = refusedDetail) {
  rig.clear()
  const response = await get(token)
  expect(response.headers.get('www-authenticate')).toBe('Bearer')
  expect({ ...(await problemOf(response)), request_id: '' }).toEqual({
    code: 'unauthorized',
    status: 401,
    title: 'A credential is missing or not valid',
    detail,
    request_id: '',
  })
  await vi.waitUntil(() => rig.logs().length > 0, { timeout: 5_000 })
  const [, claims = '', signature = ''] = token.split('.')
  for (const part of [token, claims, signature].filter((each) => each.length > 3))
    expect(JSON.stringify(rig.logs())).not.toContain(part)
  expect(rig.timeline).toEqual([])
}

const refusedDetail = 'The credential is neither a visitor token nor a JWT for this Worker'

test('the log names the claim that is wrong, or the kind of another error', async () => {
  const kinds: [string, object][] = [
    [await login.sign({ aud: 'shop' }), { hint: 'claim aud' }],
    [await login.sign({ iss: 'x' }), { hint: 'claim iss' }],
    [await login.sign({ sub: '' }), { hint: 'claim sub' }],
    [await login.sign({ exp: 1 }), { cause: { code: 'ERR_JWT_EXPIRED' } }],
    [await hmacWith('x'), { cause: { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' } }],
  ]
  for (const [token, fault] of kinds) {
    rig.clear()
    await get(token)
    await vi.waitUntil(() => rig.logs().length > 0, { timeout: 5_000 })
    expect(JSON.parse(rig.logs()[0] ?? '')).toMatchObject({ status: 401, fault })
  }
})

describe('an invalid JWT is always the same 401, with no word of it in the answer or the log, and no call to the database', () => {
  test.each(Object.entries(wrong))('%s', async (_, make) => {
    await expectRefused(await make())
  })

  test.each(Object.entries(bringing))('that brings %s', async (_, make) => {
    const { publicKey, privateKey } = await generateKeyPair('RS256')
    const kid = crypto.randomUUID()
    const jwk: JWK = { ...(await exportJWK(publicKey)), alg: 'RS256', kid, use: 'sig' }
    elsewhere.jwks = { keys: [jwk] }
    const header = { alg: 'RS256', kid, ...make(jwk) } as JWTHeaderParameters
    const sign = new SignJWT(login.claims(make(jwk))).setProtectedHeader(header)
    await expectRefused(await sign.sign(privateKey))
    expect(elsewhere.calls).toBe(0)
  })

  test('that has expired; only the detail says so', async () => {
    const expired = 'The JWT has expired'
    await expectRefused(await login.sign({ exp: now() - 60 }), expired)
    await expectRefused(await login.signBySecret({ exp: 0 }), expired)
    // The answer hides even that if somebody else signed it.
    const other = new TextEncoder().encode('x'.repeat(32))
    const sign = new SignJWT(login.claims({ exp: now() - 60 }))
    await expectRefused(await sign.setProtectedHeader({ alg: 'HS256' }).sign(other))
  })

  test('in a query, a cookie or a body', async () => {
    const token = await login.sign()
    const nobody = createClient(rig.url)
    const headers = { cookie: `authorization=Bearer ${token}; token=${token}`, 'x-token': token }
    expect((await nobody.request('GET', '/v1/sessions', undefined, headers)).status).toBe(401)
    expect((await nobody.request('GET', `/v1/sessions?access_token=${token}`)).status).toBe(401)
    expect(JSON.stringify(rig.logs())).not.toContain(token)
  })
})

test('a valid token is in no log, and neither is the user or the secret', async () => {
  const sub = `canary-${crypto.randomUUID()}`
  const token = await login.signBySecret({ sub })
  const user = createClient(rig.url, token)
  await user.chat({ message: 'Hello' })
  rig.model.clear()
  await user.expect(400, 'POST', '/v1/chat', {})
  rig.database.fault = () => 'repeats everything'
  await user.expect(500, 'GET', '/v1/sessions')
  await vi.waitUntil(() => rig.logs().length >= 3, { timeout: 5_000 })
  expect(JSON.stringify(rig.logs())).not.toMatch(/canary/)
  expect(JSON.stringify(rig.logs())).not.toContain(token.split('.')[1])
})
