import { createHash } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import { type ScriptedModel, startScriptedModel } from '../fakes/scripted-model.ts'
import { useRig } from '../rigs/start-rig.ts'

const plain = useRig()
const { rig, visitor } = useRig({ OPENAI_PROMPT_CACHE_KEY: 'true' })

let strict: ScriptedModel
const refused = useRig(async () => {
  strict = await startScriptedModel()
  return { OPENAI_BASE_URL: strict.baseUrl, OPENAI_PROMPT_CACHE_KEY: 'true' }
})
afterAll(() => strict.close())

/** The key of each call of the model so far. */
const keys = () =>
  rig.model.requests.map(({ body }) => (body as { prompt_cache_key?: string }).prompt_cache_key)

function keyOf(sessionId: string): string {
  return createHash('sha256').update(sessionId).digest('base64url').slice(0, 32)
}

describe('the key by which a provider finds its cache', () => {
  test('is the same for all turns of a session, and another one for another session', async () => {
    const { session_id } = await visitor.chat({ message: 'Hello' })
    await visitor.stream({ session_id, message: 'Hello again' })
    const { session_id: other } = await visitor.chat({ message: 'Hello' })
    expect(other).not.toBe(session_id)
    expect(keys()).toEqual([keyOf(session_id), keyOf(session_id), keyOf(other)])
  })

  test('is the same in the second call of a turn whose conversation is too long', async () => {
    const { session_id } = await visitor.chat({ message: 'Hello' })
    rig.clear()
    const message = '[[fault context-length over=0 times=1]] write 5 words'
    await visitor.chat({ session_id, message })
    expect(keys()).toEqual([keyOf(session_id), keyOf(session_id)])
    expect(rig.timeline).toEqual(['database', 'model', 'model', 'database'])
  })

  test('is a hash: no request to the model holds the id of the session', async () => {
    const { session_id } = await visitor.chat({ message: 'Hello' })
    const [request] = rig.model.requests
    expect(JSON.stringify([request?.headers, request?.body])).not.toContain(session_id)
  })

  test('is not sent without the setting, and nothing else of the request changes', async () => {
    const message = 'Hello'
    await visitor.chat({ message })
    await plain.visitor.chat({ message })
    const [keyed] = rig.model.requests
    const [unkeyed] = plain.rig.model.requests
    expect(keyed?.body).toEqual({
      ...(unkeyed?.body as object),
      prompt_cache_key: expect.any(String),
    })
    expect(unkeyed?.body).not.toHaveProperty('prompt_cache_key')
  })
})

test('a server that refuses the key fails the turn, and the log names the setting', async () => {
  const error = { message: "property 'prompt_cache_key' is unsupported", code: 'bad_request' }
  strict.script = () => ({ status: 400, packets: [JSON.stringify({ error })] })
  const problem = await refused.visitor.expect(502, 'POST', '/v1/chat', { message: 'Hello' })
  expect(problem.code).toBe('model_unavailable')
  expect(JSON.stringify(problem)).not.toContain('OPENAI_PROMPT_CACHE_KEY')
  await expect
    .poll(() => refused.rig.logs().join('\n'))
    .toContain(
      'answered 400 (bad_request): the server refuses prompt_cache_key, so set OPENAI_PROMPT_CACHE_KEY=false',
    )
})
