import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { createClient } from '../rigs/client.ts'
import { noSharedCaps } from '../rigs/no-shared-caps.ts'
import { type ManyWorkers, startManyWorkers } from '../rigs/start-many-workers.ts'

/** The characters that a copy, an editor or a hand may put into a secret. */
const characters = {
  'a line break': '\n',
  'a carriage return': '\r',
  'a tab': '\t',
  'a control character': '\u0001',
  'a letter of Latin-1': 'é',
  'a space that does not break': '\u00A0',
  'a curly quote': '“',
  'an emoji': '🔑',
}
const secrets = ['DATABASE_URL', 'OPENAI_API_KEY', 'ADMIN_TOKEN', 'AUTH_JWT_SECRET']
/** AUTH_JWT_SECRET goes into no header, so any letter is right. */
const isRight = (name: string, character: string) =>
  name === 'AUTH_JWT_SECRET' && character >= '\u00A0'
const cases = secrets.flatMap((name) =>
  Object.entries(characters)
    .filter(([, character]) => !isRight(name, character))
    .map(([kind, character]) => ({ name, kind, character })),
)

const canary = (character: string) => `canary${character}canary${'x'.repeat(32)}`

let model: OfflineModel
let workers: ManyWorkers
beforeAll(async () => {
  model = await startOfflineModel()
  const { connectionString, endpoint } = inject('database')
  const right = {
    ...noSharedCaps,
    DATABASE_URL: connectionString,
    NEON_HTTP_ENDPOINT: endpoint,
    OPENAI_BASE_URL: model.baseUrl,
    OPENAI_API_KEY: canary(''),
    ADMIN_TOKEN: canary(''),
    AUTH_JWT_SECRET: canary(''),
  }
  const wrong = cases.map(({ name, character }) => {
    const url = new URL(connectionString)
    const value =
      name === 'DATABASE_URL'
        ? `postgres://${url.username}:${canary(character)}@${url.host}${url.pathname}`
        : canary(character)
    return { ...right, [name]: value }
  })
  workers = await startManyWorkers([right, ...wrong])
})
afterAll(async () => {
  await workers.close()
  await model.close()
})

const requests = [
  ['GET', '/health/live'],
  ['GET', '/health/ready'],
  ['POST', '/v1/chat', { message: 'Hello' }],
  ['GET', '/v1/sessions'],
  ['GET', '/v1/admin/usage'],
] as const

test('a secret with a character that a header cannot carry is named, and no part of it is said anywhere', async () => {
  const said: string[] = []
  for (const [index, { name, kind }] of cases.entries()) {
    for (const [method, path, body] of requests) {
      const client = createClient(workers.urls[index + 1] ?? '', `eyJ.canary.${'y'.repeat(40)}`)
      const response = await client.request(method, path, body)
      const answer = await response.text()
      if (path !== '/health/live') expect(answer, kind).toContain(`"settings":[{"name":"${name}"`)
      said.push(answer, JSON.stringify([...response.headers]))
    }
  }
  expect(said.join('\n')).not.toMatch(/canary|xxxx/)
  const log = workers.output()
  expect(log.match(/"route":"\/v1\/chat","status":500/g)).toHaveLength(cases.length)
  expect(log).not.toMatch(/canary|xxxx/)
  expect(model.requests).toEqual([])
})

test('with the right secrets the same Worker answers, and says none of them', async () => {
  const [url = ''] = workers.urls
  await createClient(url).expect(200, 'GET', '/health/ready')
  await createClient(url).chat({ message: 'Hello' })
  expect(model.requests.at(-1)?.headers.authorization).toBe(`Bearer ${canary('')}`)
  await createClient(url, canary('')).expect(200, 'GET', '/v1/admin/usage')
  expect(workers.output()).not.toMatch(/canary|xxxx/)
})
