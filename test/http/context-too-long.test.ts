import { afterAll, describe, expect, test } from 'vitest'
import {
  delta,
  done,
  event,
  finished,
  type Script,
  type ScriptedModel,
  startScriptedModel,
} from '../fakes/scripted-model.ts'
import { problemOf } from '../rigs/problem.ts'
import { useRig } from '../rigs/start-rig.ts'

const { rig, visitor } = useRig()

let model: ScriptedModel
const scripted = useRig(async () => {
  model = await startScriptedModel()
  return { OPENAI_BASE_URL: model.baseUrl }
})
afterAll(() => model.close())

/** A message to which the model says that the conversation is too long: each time, or only the first time. */
const tooLong = (times = '') => `[[fault context-length over=0${times}]] write 40 words`
const once = ' times=1'

/** A session of so many turns. */
async function talk(turns: number): Promise<string> {
  const { session_id } = await visitor.chat({ message: 'Turn 1: write 20 words' })
  for (let turn = 2; turn <= turns; turn += 1)
    await visitor.chat({ session_id, message: `Turn ${turn}: write 20 words` })
  rig.clear()
  return session_id
}

const prompts = () => rig.model.requests.map(({ messages }) => messages)

test('a conversation that is too long is sent once more, with the newest 60 % of the window', async () => {
  const session_id = await talk(5)
  const { reply } = await visitor.chat({ session_id, message: tooLong(once) })
  expect(reply.status).toBe('complete')
  const [first = [], second = []] = prompts()
  expect(first).toHaveLength(12)
  expect([6, 8]).toContain(second.length)
  expect(second).toEqual([first[0], ...first.slice(1 - second.length)])
  expect(rig.timeline).toEqual(['database', 'model', 'model', 'database'])
})

test('a stream is sent once more too, and none of it is sent twice', async () => {
  const session_id = await talk(3)
  const events = await visitor.stream({ session_id, message: tooLong(once) })
  const text = events.map(({ data }) => data.text ?? '').join('')
  expect(events.at(-1)).toMatchObject({
    event: 'turn.completed',
    data: { reply: { content: text, status: 'complete' } },
  })
  expect(prompts()).toHaveLength(2)
})

test('the turn fails if the shorter window is too long as well', async () => {
  const session_id = await talk(3)
  const response = await visitor.request('POST', '/v1/chat', { session_id, message: tooLong() })
  expect(await problemOf(response)).toMatchObject({
    code: 'model_context_exceeded',
    status: 502,
    detail: expect.stringMatching(/begin a new one/),
  })
  expect(prompts()).toHaveLength(2)
})

test('without history there is nothing to shorten, and no second call', async () => {
  const response = await visitor.request('POST', '/v1/chat', { message: tooLong() })
  expect((await problemOf(response)).code).toBe('model_context_exceeded')
  expect(prompts()).toHaveLength(1)
})

describe('whatever its form, the error of a prompt that is too long is followed by one more call', () => {
  const json = { 'content-type': 'application/json' }
  const refused = (status: number, body: unknown): Script => ({
    packets: [JSON.stringify(body)],
    headers: json,
    status,
  })
  const stream = (...packets: string[]): Script => ({ packets })

  test.each<[string, Script]>([
    [
      'vLLM, 400',
      refused(400, { object: 'error', message: "This model's maximum context length is 4096" }),
    ],
    [
      'Gemini, 400',
      refused(400, [{ error: { message: 'The input token count (9) exceeds the max' } }]),
    ],
    ['Ollama, 500', refused(500, { error: 'the input length exceeds the context length' })],
    ['a gateway, 413', refused(413, 'Request Entity Too Large')],
    ['TGI, 422', refused(422, { error: '`inputs` must have less than 1024 tokens. Given: 5000' })],
    ['JSON with 200', refused(200, { error: { message: 'prompt is too long: 9 > 8 maximum' } })],
    ['in a stream', stream(event({ error: { code: 'context_length_exceeded', message: '' } }))],
    ['as an event', stream(`event: error\n${event({ message: 'Input is too long' })}`)],
  ])('%s', async (_, error) => {
    const { session_id } = await ask('first', [stream(delta('Hi'), finished(), done)])
    const scripts = [error, stream(delta('Yes'), finished(), done)]
    expect((await ask('second', scripts, session_id)).reply).toMatchObject({ content: 'Yes' })
    expect(model.calls).toEqual(['second', 'second'])
  })

  test.each<[string, Script, string]>([
    [
      'tokens per minute',
      refused(413, {
        error: {
          message: 'Request too large on tokens per minute (TPM): Limit 6000',
          type: 'tokens',
        },
      }),
      'model_rate_limited',
    ],
    [
      'max_tokens alone',
      refused(400, { error: { message: 'max_tokens is too large: 9000. At most 8192' } }),
      'model_unavailable',
    ],
    ['an ordinary 400', refused(400, { error: { message: 'Invalid value' } }), 'model_unavailable'],
    [
      'such an error after text',
      stream(delta('Hi'), event({ error: { code: 'context_length_exceeded', message: '' } })),
      '',
    ],
  ])('but not %s', async (_, error, code) => {
    const { session_id } = await ask('first', [stream(delta('Hi'), finished(), done)])
    const body = { session_id, message: 'second' }
    play([error])
    const response = await scripted.visitor.request('POST', '/v1/chat', body)
    if (code === '') expect((await response.json()).reply).toMatchObject({ status: 'interrupted' })
    else expect((await problemOf(response)).code).toBe(code)
    expect(model.calls).toEqual(['second'])
  })

  /** Answers the next calls with these scripts, one each. */
  function play(scripts: Script[]) {
    model.calls.length = 0
    const left = [...scripts]
    model.script = () => left.shift() ?? { packets: [] }
  }

  async function ask(message: string, scripts: Script[], session_id?: string) {
    play(scripts)
    return scripted.visitor.chat({ message, ...(session_id !== undefined && { session_id }) })
  }
})
