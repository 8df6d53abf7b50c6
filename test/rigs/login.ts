import http from 'node:http'
import {
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTHeaderParameters,
  type JWTPayload,
  SignJWT,
} from 'jose'
import { listen } from '../../scripts/dev/listen.ts'

/** How the server of the keys goes wrong. `drip`: its answer never ends. */
export type KeysFault = 'refuse' | 'silent' | 'drip' | 'html' | 'no keys' | 'error' | 'redirect'

export const keysFaults: KeysFault[] = [
  'refuse',
  'silent',
  'drip',
  'html',
  'no keys',
  'error',
  'redirect',
]

/** Claims of any type, right or wrong. */
type Claims = Record<string, unknown>
type Header = Partial<JWTHeaderParameters>

export interface Login {
  /** The settings of a Worker that trusts this login, and the site's own server beside it. */
  vars: Record<'AUTH_JWKS_URL' | 'AUTH_ISSUER' | 'AUTH_AUDIENCE' | 'AUTH_JWT_SECRET', string>
  /** Headers of each request for the keys so far. */
  requests: http.IncomingHttpHeaders[]
  /** The public keys that it serves at the moment. */
  jwks: { keys: JWK[] }
  fault: KeysFault | undefined
  /** The claims of a user who is signed in for an hour, changed by these. */
  claims(claims?: Claims): JWTPayload
  /** A token of the login, signed by ES256 unless the header names another algorithm. */
  sign(claims?: Claims, header?: Header): Promise<string>
  /** A token of the site's own server, by the secret. */
  signBySecret(claims?: Claims, header?: Header): Promise<string>
  /** Replaces the key of this algorithm; the old one is not served any more. */
  rotate(alg: string): Promise<void>
  close(): Promise<void>
}

/** A site's login: it signs tokens and serves its public keys, as Auth0, Clerk and Supabase do. */
export async function startLogin(): Promise<Login> {
  const privateKeys = new Map<string, { key: CryptoKey; kid: string }>()
  const server = http.createServer((request, response) => {
    login.requests.push(request.headers)
    answer(response, login)
  })
  const vars = {
    AUTH_JWKS_URL: `http://127.0.0.1:${await listen(server)}/jwks.json`,
    AUTH_ISSUER: 'https://login.example.com/',
    AUTH_AUDIENCE: 'chat',
    AUTH_JWT_SECRET: 'canary-secret-of-more-than-32-characters',
  }

  const login: Login = {
    vars,
    requests: [],
    jwks: { keys: [] },
    fault: undefined,
    claims(claims) {
      const exp = Math.floor(Date.now() / 1_000) + 3_600
      const { AUTH_ISSUER: iss, AUTH_AUDIENCE: aud } = vars
      return { sub: crypto.randomUUID(), iss, aud, exp, ...claims }
    },
    async sign(claims, { alg = 'ES256', ...header } = {}) {
      const { key, kid } = privateKeys.get(alg) ?? (await newKey(alg))
      return new SignJWT(login.claims(claims)).setProtectedHeader({ alg, kid, ...header }).sign(key)
    },
    signBySecret(claims, header) {
      const token = new SignJWT(login.claims(claims))
      const secret = new TextEncoder().encode(vars.AUTH_JWT_SECRET)
      return token.setProtectedHeader({ alg: 'HS256', ...header }).sign(secret)
    },
    async rotate(alg) {
      await newKey(alg)
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
  return login

  async function newKey(alg: string) {
    const withdrawn = privateKeys.get(alg)?.kid
    const kid = crypto.randomUUID()
    const { publicKey, privateKey: key } = await generateKeyPair(alg)
    privateKeys.set(alg, { key, kid })
    const jwk: JWK = { ...(await exportJWK(publicKey)), alg, kid, use: 'sig' }
    const others = login.jwks.keys.filter((each) => each.kid !== withdrawn)
    login.jwks = { keys: [...others, jwk] }
    return { key, kid }
  }
}

function answer(response: http.ServerResponse, { fault, jwks, vars }: Login): void {
  const json = { 'content-type': 'application/json' }
  switch (fault) {
    case 'refuse':
      response.socket?.destroy()
      return
    case 'silent':
      return
    case 'drip':
      response.writeHead(200, json).write('{"keys":')
      return
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Sign in')
      return
    case 'no keys':
      response.writeHead(200, json).end('{"keys":"none"}')
      return
    case 'error':
      response.writeHead(503, json).end('{}')
      return
    case 'redirect':
      response.writeHead(302, { location: `${vars.AUTH_JWKS_URL}?again` }).end()
      return
    case undefined:
      response.writeHead(200, json).end(JSON.stringify(jwks))
  }
}
