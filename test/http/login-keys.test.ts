import { describe, expect, test, type TestContext, vi } from 'vitest'
import { createClient, newVisitor } from '../rigs/client.ts'
import { keysFaults, type Login, startLogin } from '../rigs/login.ts'
import { problemOf } from '../rigs/problem.ts'
import { startRig } from '../rigs/start-rig.ts'

/** An isolate that has fetched no keys yet, and the login that it trusts. */
async function start(
  { onTestFinished }: TestContext,
  chooseVars: (vars: Login['vars']) => Record<string, string> = (vars) => vars,
) {
  const login = await startLogin()
  const rig = await startRig(chooseVars(login.vars))
  onTestFinished(async () => {
    await rig.close()
    await login.close()
  })
  const listSessions = (token: string) =>
    createClient(rig.url, token).request('GET', '/v1/sessions')
  return { login, rig, listSessions }
}

// Most of their time, these tests wait for pauses and deadlines of the Worker.
describe.concurrent('the keys of the login', () => {
  test('are fetched once for twenty requests, without a word about the callers', async (context) => {
    const { login, listSessions } = await start(context)
    const algorithms = ['RS256', 'ES256', 'EdDSA']
    const tokens: string[] = []
    for (const alg of algorithms) tokens.push(await login.sign({}, { alg }))
    for (let time = 0; time < 20; time += 1)
      expect((await listSessions(tokens[time % 3] ?? '')).status).toBe(200)
    expect(login.requests).toHaveLength(1)
    expect(login.requests[0]).not.toHaveProperty('authorization')
    expect(JSON.stringify(login.requests)).not.toContain('eyJ')
  })

  test('serve twenty requests at once, and new ones are found without a restart', async (context) => {
    const { login, listSessions } = await start(context)
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
  })

  test('that cannot be fetched cause a 503, and the fetched ones stay in use', async (context) => {
    const { login, rig, listSessions } = await start(context)
    const token = await login.sign()
    for (const fault of keysFaults) {
      login.fault = fault
      const response = await listSessions(token)
      expect(response.headers.get('retry-after')).toBe('5')
      expect(response.headers.get('www-authenticate')).toBeNull()
      const problem = { code: 'auth_unavailable', status: 503 }
      expect(await problemOf(response), fault).toMatchObject(problem)
      // A credential that needs no key is accepted meanwhile.
      expect((await listSessions(await login.signBySecret())).status).toBe(200)
      await (await newVisitor(rig.url)).expect(200, 'GET', '/v1/sessions')
    }
    expect(JSON.stringify(rig.logs())).not.toContain(token.split('.')[1])
    login.fault = undefined
    expect((await listSessions(token)).status).toBe(200)
    login.fault = 'silent'
    expect((await listSessions(token)).status).toBe(200)
  })
})

test('a site with only the secret accepts no token of a public key, and fetches no key', async (context) => {
  const { login, listSessions } = await start(context, ({ AUTH_JWT_SECRET }) => ({
    AUTH_JWT_SECRET,
  }))
  expect((await listSessions(await login.sign())).status).toBe(401)
  const token = await login.signBySecret({ iss: undefined, aud: undefined })
  expect((await listSessions(token)).status).toBe(200)
  expect(login.requests).toEqual([])
})

test('a site with only public keys accepts no token of the secret', async (context) => {
  const { login, listSessions } = await start(context, (vars) => ({ ...vars, AUTH_JWT_SECRET: '' }))
  expect((await listSessions(await login.signBySecret())).status).toBe(401)
  expect((await listSessions(await login.sign())).status).toBe(200)
})
