import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { fieldsOf, problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'

const settings = { OPENAI_API_KEY: 'sk-of-the-owner', OPENAI_MODEL: 'model-of-the-owner' }

/** A model server that no setting names. */
let other: OfflineModel
beforeAll(async () => {
  other = await startOfflineModel()
})
const { rig, visitor } = useRig(settings)
afterAll(() => other.close())

/** Names under which proxies, SDKs and other chat servers accept a server, a model, a key or a prompt. */
function choices(): Record<string, string> {
  const names = {
    [other.baseUrl]: [
      'base_url',
      'baseUrl',
      'api_base',
      'openai_base_url',
      'endpoint',
      'url',
      'host',
    ],
    'model-of-the-client': ['model', 'model_name', 'openai_model', 'deployment', 'engine'],
    'sk-of-the-client': ['api_key', 'apiKey', 'key', 'openai_api_key'],
    'org-of-the-client': ['organization', 'openai_organization', 'project', 'openai_project'],
    'prompt-of-the-client': ['system', 'system_prompt', 'instructions'],
    '100000': ['max_tokens', 'max_completion_tokens', 'temperature', 'n'],
  }
  return Object.fromEntries(
    Object.entries(names).flatMap(([value, each]) => each.map((name) => [name, value])),
  )
}

function headersOf(): Record<string, string> {
  const headers = new Headers()
  for (const [name, value] of Object.entries(choices())) {
    const header = name.replaceAll('_', '-')
    for (const each of [header, `x-${header}`, `x-openai-${header}`, `openai-${header}`])
      if (header !== 'host') headers.set(each, value)
  }
  headers.set('x-forwarded-host', new URL(other.baseUrl).host)
  headers.set('x-model-provider', other.baseUrl)
  return Object.fromEntries(headers)
}

/** Only the configured server was called, as configured. */
function expectConfiguredCall() {
  expect(other.requests).toEqual([])
  expect(rig.model.requests).toHaveLength(1)
  const [request] = rig.model.requests
  expect(request?.headers.authorization).toBe(`Bearer ${settings.OPENAI_API_KEY}`)
  expect(request?.body).toMatchObject({ model: settings.OPENAI_MODEL })
  expect(JSON.stringify([request?.headers, request?.body])).not.toMatch(/of-the-client|100000/)
}

test('no header chooses the model, its server or its key', async () => {
  const body = { message: 'Hello' }
  expect((await visitor.request('POST', '/v1/chat', body, headersOf())).status).toBe(200)
  expectConfiguredCall()
})

test('no query chooses the model, its server or its key', async () => {
  const query = new URLSearchParams(choices())
  await visitor.expect(200, 'POST', `/v1/chat?${query}`, { message: 'Hello' })
  expectConfiguredCall()
})

test('no field chooses the model, its server or its key', async () => {
  for (const [name, value] of Object.entries(choices())) {
    const body = { message: 'Hello', [name]: value }
    const problem = await problemOf(await visitor.request('POST', '/v1/chat', body))
    expect(problem.status).toBe(400)
    expect(fieldsOf(problem)).toEqual([name])
  }
  expect(rig.timeline).toEqual([])
  expect(other.requests).toEqual([])
})

test('metadata chooses nothing either', async () => {
  const body = { message: 'Hello', metadata: choices() }
  await visitor.expect(200, 'POST', '/v1/chat', body)
  expectConfiguredCall()
})
