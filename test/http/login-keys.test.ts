import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createClient, newVisitor } from '../rigs/client.ts'
import { keysFaults, type Login, startLogin } from '../rigs/login.ts'
import { problemOf } from '../rigs/problem.ts'
import { type Rig, startRig } from '../rigs/start-rig.ts'

let login: Login
let rig: Rig
afterEach(async () => {
  await rig.close()
  await login.close()
})

/** An isolate that has fetched no keys yet. */
async function startWith(chooseVars: (vars: Login['vars']) => Record<string, string>) {
  login = await startLogin()
  rig = await startRig(chooseVars(login.vars))
}

const listSessions = (token: string) => createClient(rig.url, token).request('GET', '/v1/sessions')

describe('the keys of the login', () => {
  beforeEach(() => startWith((vars) => vars))

  test('are fetched once for twenty requests, without a word of who asks', async () => {
    const algorithms = ['RS256', 'ES256', 'EdDSA']
    const tokens: string[] = []
    for (const alg of algorithms) tokens.push(await login.sign({}, { alg }))
    for (let time = 0; time < 20; time += 1)
      expect((await listSessions(tokens[time % 3] ?? '')).status).toBe(200)
    expect(login.requests).toHaveLength(1)
    expect(login.requests[0]).not.toHaveProperty('authorization')
    expect(JSON.stringify(login.requests)).not.toContain('eyJ')
  })

  test('serve twenty who come at once, and are found with no restart when they are new', async () => {
    const before = await login.sign()
    const answers = await Promise.all(Array.from({ length: 20 }, () => listSessions(before)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    await login.rotate('ES256')
    const after = await login.sign()
    // Once the pause between two looks for an unknown key is over.
    await vi.waitUntil(async () => (await listSessions(after)).status === 200, {
      timeout: 40_000,
      interval: 500,
    })
    expect((await listSessions(before)).status).toBe(401)
  }, 60_000)

  test('that cannot be had are a 503, and those of before go on', async () => {
    const token = await login.sign()
    for (const fault of keysFaults) {
      login.fault = fault
      const response = await listSessions(token)
      expect(response.headers.get('retry-after')).toBe('5')
      expect(response.headers.get('www-authenticate')).toBeNull()
      const problem = { code: 'auth_unavailable', status: 503 }
      expect(await problemOf(response), fault).toMatchObject(problem)
      // Whoever needs none of them is served.
      expect((await listSessions(await login.signBySecret())).status).toBe(200)
      await (await newVisitor(rig.url)).expect(200, 'GET', '/v1/sessions')
    }
    expect(JSON.stringify(rig.logs())).not.toContain(token.split('.')[1])
    login.fault = undefined
    expect((await listSessions(token)).status).toBe(200)
    login.fault = 'silent'
    expect((await listSessions(token)).status).toBe(200)
  }, 60_000)
})

describe('a site that has but the secret', () => {
  beforeEach(() => startWith(({ AUTH_JWT_SECRET }) => ({ AUTH_JWT_SECRET })))

  test('takes no token of a public key, and asks nobody for it', async () => {
    expect((await listSessions(await login.sign())).status).toBe(401)
    const token = await login.signBySecret({ iss: undefined, aud: undefined })
    expect((await listSessions(token)).status).toBe(200)
    expect(login.requests).toEqual([])
  })
})

describe('a site that has but public keys', () => {
  beforeEach(() => startWith((vars) => ({ ...vars, AUTH_JWT_SECRET: '' })))

  test('takes no token of the secret', async () => {
    expect((await listSessions(await login.signBySecret())).status).toBe(401)
    expect((await listSessions(await login.sign())).status).toBe(200)
  })
})
