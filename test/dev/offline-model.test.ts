import { setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type OfflineModel, startOfflineModel } from '../../scripts/dev/offline-model.ts'
import { answer } from '../../scripts/dev/offline-model/answer.ts'
import { continueRequest } from '../../src/turn/continue/request.ts'
import { renderMessage } from '../../src/turn/prompt/render.ts'

interface Message {
  role: 'system' | 'user' | 'assistant'
  content: string
}

let model: OfflineModel
let openai: OpenAI

beforeAll(async () => {
  model = await startOfflineModel()
  openai = new OpenAI({ apiKey: 'none', baseURL: model.baseUrl, maxRetries: 0 })
})
beforeEach(() => model.clear())
afterAll(() => model.close())

/** A conversation from its turns: user, assistant, user, … */
function conversation(...turns: string[]): Message[] {
  return turns.map((content, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content }))
}

async function ask(messages: Message[], body: { max_tokens?: number } = {}) {
  return openai.chat.completions.create({ model: 'any', messages, ...body })
}

async function answerTo(...turns: string[]): Promise<string> {
  const completion = await ask(conversation(...turns))
  return completion.choices[0]?.message.content ?? ''
}

async function streamed(messages: Message[]) {
  const stream = await openai.chat.completions.create({
    model: 'any',
    messages,
    stream: true,
    stream_options: { include_usage: true },
  })
  return collect(stream)
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = []
  for await (const item of items) collected.push(item)
  return collected
}

/** A request without the package, so a test sees the bytes of the answer. */
function post(content: string, options: { stream?: boolean; signal?: AbortSignal } = {}) {
  const { stream = true, signal = null } = options
  const body = {
    model: 'any',
    messages: [{ role: 'user', content }],
    stream,
    ...(stream && { stream_options: { include_usage: true } }),
  }
  return fetch(`${model.baseUrl}/chat/completions`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal,
  })
}

function dataLines(body: string): string[] {
  return body.split(/\n\n|\r\r/).flatMap((event) => /^data: ([^]*)$/.exec(event)?.[1] ?? [])
}

/** The content deltas of a stream, without the data that cannot be parsed. */
function contents(body: string): string[] {
  return dataLines(body).flatMap((data) => {
    const content = /"delta":\{"content":("(?:[^"\\]|\\.)+")\}/.exec(data)?.[1]
    return content === undefined ? [] : [String(JSON.parse(content))]
  })
}

/** Reads until the stream ends or breaks. */
async function readAll(response: Response): Promise<{ body: string; isBroken: boolean }> {
  const decoder = new TextDecoder()
  let body = ''
  try {
    for await (const chunk of response.body ?? []) body += decoder.decode(chunk, { stream: true })
    return { body, isBroken: false }
  } catch {
    return { body, isBroken: true }
  }
}

function exactCount(text: string): number {
  return countTokens(text, { disallowedSpecial: new Set() })
}

async function errorOf(response: Response): Promise<unknown> {
  return response.json().then(({ error }) => error)
}

describe('the API', () => {
  test('a streamed reply has the text and the usage of the JSON reply', async () => {
    const messages = conversation('My name is Ada.', 'Noted.', 'Show me markdown')
    const json = await ask(messages)
    const chunks = await streamed(messages)

    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')
    expect(text).toBe(json.choices[0]?.message.content)
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe(json.choices[0]?.finish_reason)
    expect(chunks.at(-1)?.usage).toEqual(json.usage)
  })

  test('a stream is a role, several deltas, a finish, a usage without choices, and [DONE]', async () => {
    const { body } = await readAll(await post('Hello'))
    const data = dataLines(body)
    expect(data.pop()).toBe('[DONE]')

    const chunks = data.map((line) => JSON.parse(line))
    expect(chunks[0].choices[0].delta.role).toBe('assistant')
    expect(chunks.at(-2).choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' })
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 8 } })
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true)
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
    expect(chunks[0]).toMatchObject({ object: 'chat.completion.chunk', model: 'any' })
    expect(chunks[0].id).toMatch(/^chatcmpl-/)
    expect(contents(body).length).toBeGreaterThan(5)
  })

  test('a stream has no usage unless the request asks for it', async () => {
    const stream = await openai.chat.completions.create({
      model: 'any',
      messages: conversation('Hello'),
      stream: true,
    })
    const chunks = await collect(stream)
    expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true)
  })

  test('usage is exact, and a special token counts as ordinary text', async () => {
    const texts = [
      'Be brief.',
      'Grüße 你好 <|endoftext|> 👋🏽',
      'Ok.',
      'aaaaaaaaaaaaaaaaaaaaaaaa 1234',
    ]
    const roles = ['system', 'user', 'assistant', 'user'] as const
    const messages = texts.map((content, i) => ({ role: roles[i] ?? 'user', content }))
    const { usage, choices } = await ask(messages)

    const prompt = texts.reduce((sum, content) => sum + exactCount(content) + 4, 3)
    const completion = exactCount(choices[0]?.message.content ?? '')
    expect(usage).toMatchObject({
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
    })
  })

  test.each(['max_tokens', 'max_completion_tokens'])(
    'a reply longer than %s is cut to exactly that many tokens',
    async (field) => {
      const limit = { [field]: 40 }
      const { usage, choices } = await ask(conversation('Write 500 words'), limit)
      expect(choices[0]?.finish_reason).toBe('length')
      expect(usage?.completion_tokens).toBe(40)
      expect(countTokens(choices[0]?.message.content ?? '')).toBe(40)
    },
  )

  test('a reply of exactly max_tokens is not cut', async () => {
    const messages = conversation('[[reply "one two three"]]')
    const whole = await ask(messages, { max_tokens: 3 })
    expect(whole.choices[0]).toMatchObject({ finish_reason: 'stop' })
    const cut = await ask(messages, { max_tokens: 2 })
    expect(cut.choices[0]).toMatchObject({
      finish_reason: 'length',
      message: { content: 'one two' },
    })
  })

  test('a cut never leaves half a character', async () => {
    const { choices, usage } = await ask(conversation('[[reply "👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧"]]'), { max_tokens: 7 })
    expect(choices[0]?.message.content?.isWellFormed()).toBe(true)
    expect(choices[0]?.message.content).not.toContain('\ufffd')
    expect(usage?.completion_tokens).toBe(7)
    await expect(answerTo('[[reply "plain"]]')).resolves.toBe('plain')
  })

  test('models are listed', async () => {
    const models = await collect(openai.models.list())
    expect(models).toMatchObject([{ id: 'offline', object: 'model' }])
  })

  test.each([
    ['GET', '/v1/nothing', 404, 'unknown_url'],
    ['POST', '/chat/completions', 404, 'unknown_url'],
    ['GET', '/v1/chat/completions', 405, 'method_not_supported'],
  ])('%s %s is refused with %i', async (method, path, status, code) => {
    const response = await fetch(new URL(path, model.baseUrl), { method })
    expect(response.status).toBe(status)
    expect(await errorOf(response)).toMatchObject({ type: 'invalid_request_error', code })
  })

  const hello = [{ role: 'user', content: 'Hello' }]
  test.each([
    ['malformed JSON', '{', null, null],
    ['an array', [], null, null],
    ['no model', { messages: hello }, 'model', 'missing_required_parameter'],
    ['no messages', { model: 'm' }, 'messages', 'missing_required_parameter'],
    ['messages of another type', { model: 'm', messages: {} }, 'messages', 'invalid_type'],
    ['no message', { model: 'm', messages: [] }, 'messages', 'empty_array'],
    [
      'a role',
      { model: 'm', messages: [{ role: 'bot', content: '' }] },
      'messages[0].role',
      'invalid_value',
    ],
    [
      'null content',
      { model: 'm', messages: [{ role: 'user', content: null }] },
      'messages[0].content',
      'invalid_type',
    ],
    [
      'an image',
      { model: 'm', messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      'messages[0].content[0].type',
      'invalid_value',
    ],
    [
      'zero tokens',
      { model: 'm', messages: hello, max_tokens: 0 },
      'max_tokens',
      'integer_below_min_value',
    ],
    [
      'half a token',
      { model: 'm', messages: hello, max_tokens: 1.5 },
      'max_tokens',
      'invalid_type',
    ],
    [
      'two limits',
      { model: 'm', messages: hello, max_tokens: 1, max_completion_tokens: 1 },
      'max_tokens',
      'invalid_parameter_combination',
    ],
    [
      'stream options without a stream',
      { model: 'm', messages: hello, stream_options: {} },
      'stream_options',
      'invalid_value',
    ],
  ])('a body with %s is refused and the field named', async (_, body, param, code) => {
    const response = await fetch(`${model.baseUrl}/chat/completions`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    expect(response.status).toBe(400)
    expect(await errorOf(response)).toEqual({
      message: expect.any(String),
      type: 'invalid_request_error',
      param,
      code,
    })
  })

  test('text parts are joined', async () => {
    const content = [
      { type: 'text' as const, text: '[[reply "from ' },
      { type: 'text' as const, text: 'parts"]]' },
    ]
    const { choices } = await openai.chat.completions.create({
      model: 'any',
      messages: [{ role: 'user', content }],
    })
    expect(choices[0]?.message.content).toBe('from parts')
  })

  test('the server records its requests and clears them on demand', async () => {
    await ask([{ role: 'system', content: 'Be brief.' }, ...conversation('Hello')])
    expect(model.requests).toMatchObject([
      {
        path: '/v1/chat/completions',
        headers: { authorization: 'Bearer none' },
        body: { model: 'any' },
        messages: [{ role: 'system' }, { role: 'user', content: 'Hello' }],
        aborted: false,
      },
    ])
    model.clear()
    expect(model.requests).toEqual([])
  })
})

describe('the answer', () => {
  test.each([
    [
      ['My name is Ada.', 'Noted.', 'What is my name?'],
      'Your name is Ada. You told me in message 1 of the 3',
    ],
    [['I’m Ada', 'Noted.', 'Who am I?'], 'Your name is Ada.'],
    [['My name is Ada', 'Noted.', 'Call me Bob', 'Noted.', 'what’s my name'], 'Your name is Bob.'],
    [['My favorite color is teal!', 'Noted.', 'Do you remember my favourite colour?'], 'teal'],
    [['Hi, my dog is Rex and I live in Bern.', 'Noted.', 'Where do I live?'], 'You live in Bern.'],
    [['I am 30 years old', 'Noted.', 'How old am I?'], 'You are 30 years old.'],
    [['I am a baker', 'Noted.', 'Who am I?'], 'You are a baker.'],
    [['Remember the number 42.', 'Noted.', 'What number did I tell you?'], 'the number 42'],
    [
      ['Remember that my locker is 4711.', 'Noted.', 'What do you remember?'],
      '- your locker is 4711 (message 1)',
    ],
    [['One.', 'A.', 'Two.', 'B.', 'What did I say first?'], '> One.'],
    [['One.', 'A.', 'Two.', 'B.', 'What did I say last?'], '> Two.'],
    [['One.', 'A.', 'Two.', 'B.', 'What did you say?'], '> B.'],
    [['Milk is out.', 'A.', 'Two.', 'B.', 'What did I say about milk?'], '> Milk is out.'],
    [['One.', 'A.', 'How many messages?'], 'I was sent 3 messages'],
    [['One.', 'A.', 'Two.'], 'Before that you said:\n\n> One.'],
    [['What is my name?'], 'I do not find your name in the 1 message'],
    [['Do you know what my dog is called?', 'A.', 'What is my dog?'], 'I do not find your dog'],
  ])('%j is answered by %j', async (turns, expected) => {
    await expect(answerTo(...turns)).resolves.toContain(expected)
  })

  test('a message that the server did not receive is not recalled', async () => {
    await answerTo('My name is Ada.')
    await expect(answerTo('What is my name?')).resolves.not.toContain('Ada')
  })

  test('any text gets an answer', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc
        .array(
          fc.constantFrom(
            'my',
            'is',
            'I am',
            'what',
            '?',
            '\n> ',
            'remember',
            'write',
            '0',
            'words',
          ),
        )
        .map((words) => words.join(' ')),
    )
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (turns) => {
        expect(answer(conversation(...turns))).not.toBe('')
      }),
      { numRuns: 500 },
    )
  })

  test('the same request gets the same answer', async () => {
    const turns = ['My name is Ada.', 'Noted.', 'Tell me a joke']
    expect(await answerTo(...turns)).toBe(await answerTo(...turns))
  })

  test('only the first reply of a conversation says what this is and how to set a key', async () => {
    await expect(answerTo('Hello')).resolves.toContain('`OPENAI_API_KEY` in `.dev.vars`')
    await expect(answerTo('Hello', 'Hello.', 'Tell me')).resolves.not.toContain('OPENAI_API_KEY')
  })

  test('a quotation of the page is not something that the visitor said', async () => {
    const page = 'My name is Eve.\nI live in Rome.'
    await expect(answerTo(renderMessage('What is my name?', page))).resolves.toContain(
      'I do not find your name',
    )
    await expect(answerTo(renderMessage('Explain this.', page))).resolves.toContain(
      'You selected:\n\n> My name is Eve.\n> I live in Rome.\n\nYou said:\n\n> Explain this.\n',
    )
  })

  test.each([
    ['a heading', /^# /],
    ['a list', /^- /],
    ['a numbered list', /^1\. /],
    ['a nested list', /^ {2}- /m],
    ['some code', /^```js\n[^]+\n```/],
    ['a table', /^\|---/m],
    ['a quote', /^> /],
    ['a link', /\[link\]\(https:/],
    ['an image', /!\[.+\]\(https:/],
  ])('asked to show %s it does', async (what, expected) => {
    await expect(answerTo(`Show me ${what}`)).resolves.toMatch(expected)
  })

  test('it writes exactly the number of words that the visitor asks for', async () => {
    const text = await answerTo('Please write me 1,234 words about rivers.')
    expect(text.split(/\s+/)).toHaveLength(1234)
  })
})

function countTimers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
}

describe('a request to continue', () => {
  const poem = 'The river is quiet in the morning.'
  const asked = `[[reply "${poem}"]]`

  test.each(['The river is quiet in', 'The river is qui', 'The river ', 'river is quiet in'])(
    'is answered by the last words and the rest: %s',
    async (soFar) => {
      const said = await answerTo(asked, soFar, continueRequest)
      const overlap = /(?:\S+\s+){0,2}\S*\s*$/.exec(soFar)![0]
      expect(said.startsWith(overlap)).toBe(true)
      expect(soFar.slice(0, -overlap.length) + said).toBe(poem.slice(poem.indexOf(soFar)))
    },
  )

  test('goes on with an answer of its own', async () => {
    const whole = await answerTo('Write 30 words')
    const soFar = whole.slice(0, 50)
    const said = await answerTo('Write 30 words', soFar, continueRequest)
    expect(said.endsWith(whole.slice(50))).toBe(true)
  })

  test('says something also if nothing is left to say', async () => {
    expect(await answerTo(asked, poem, continueRequest)).toMatch(/morning\. That is all\.$/)
  })

  test('meets no fault of the message but its pace, and faults of its own', async () => {
    const cut = `[[fault cut after=2]] [[fault finish after=4 in=continue]] ${asked}`
    const messages = conversation(cut, 'The river', continueRequest)
    const { choices } = await ask(messages)
    expect(choices[0]).toMatchObject({
      finish_reason: 'length',
      message: { content: 'The river is quiet' },
    })
  })

  test('is one only after an answer', async () => {
    expect(await answerTo(continueRequest)).toContain(continueRequest.slice(0, 40))
  })
})

describe('a client that leaves', () => {
  test('ends the reply, which is recorded as aborted', async () => {
    const leaving = new AbortController()
    const response = await post('[[fault pace ms=20]] Write 5000 words', { signal: leaving.signal })
    await response.body?.getReader().read()
    leaving.abort()

    await vi.waitFor(() => expect(model.requests[0]?.aborted).toBe(true), 10_000)
    const sent = model.requests[0]?.deltasSent
    await sleep(100)
    expect(model.requests[0]?.deltasSent).toBe(sent)
    expect(sent).toBeLessThan(100)
  })

  test('stops the timers of its reply', async () => {
    const leaving = new AbortController()
    const directive = '[[fault slow-first ms=60000]]'
    const responses = Array.from({ length: 40 }, () => post(directive, { signal: leaving.signal }))
    await vi.waitFor(() => expect(countTimers()).toBeGreaterThanOrEqual(40), 10_000)

    leaving.abort()
    await Promise.allSettled(responses)
    await vi.waitFor(() => expect(countTimers()).toBeLessThan(20), 10_000)
  })

  test('is noticed even if the reply never waits', async () => {
    const leaving = new AbortController()
    const response = await post('[[fault chunks n=200000]]', { signal: leaving.signal })
    await response.body?.getReader().read()
    leaving.abort()
    await vi.waitFor(() => expect(model.requests[0]?.aborted).toBe(true), 10_000)
    expect(model.requests[0]?.deltasSent).toBeLessThan(200_000)
  })
})

async function statusesOfTwo(directive: string): Promise<number[]> {
  const responses = [await post(directive), await post(directive)]
  return responses.map(({ status }) => status)
}

describe('a fault', () => {
  test.each([
    ['[[fault status=500]]', 500, { type: 'server_error', code: null }],
    ['[[fault status=429 retry-after=7]]', 429, { type: 'requests', code: 'rate_limit_exceeded' }],
    ['[[fault status=429 code=insufficient_quota]]', 429, { code: 'insufficient_quota' }],
    ['[[fault status=401]]', 401, { code: 'invalid_api_key' }],
    [
      '[[fault context-length over=5]]',
      400,
      { code: 'context_length_exceeded', param: 'messages' },
    ],
  ])('%s answers %i in the shape of OpenAI', async (directive, status, error) => {
    for (const stream of [true, false]) {
      const response = await post(`${directive} Hello`, { stream })
      expect(response.status).toBe(status)
      expect(response.headers.get('retry-after')).toBe(directive.includes('retry') ? '7' : null)
      expect(await errorOf(response)).toMatchObject(error)
    }
  })

  test('context-length accepts a prompt that is short enough', async () => {
    expect((await post('[[fault context-length over=500]] Hello')).status).toBe(200)
  })

  test('html is a page with status 200', async () => {
    const response = await post('[[fault html]]')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('text/html')
    expect(await response.text()).toMatch(/^<!doctype html>/)
  })

  test('refused destroys the socket before any byte', async () => {
    await expect(post('[[fault refused]]')).rejects.toThrow('fetch failed')
    expect(model.requests).toMatchObject([{ deltasSent: 0, aborted: false }])
  })

  test('silent accepts the request and never answers', async () => {
    const leaving = new AbortController()
    const response = post('[[fault silent]]', { signal: leaving.signal })
    setTimeout(() => leaving.abort(), 100)
    await expect(response).rejects.toThrow('aborted')
    await vi.waitFor(() => expect(model.requests[0]?.aborted).toBe(true), 10_000)
  })

  test.each([true, false])('stall goes quiet in the middle (stream: %s)', async (stream) => {
    const leaving = new AbortController()
    const response = await post('[[fault stall after=3]]', { stream, signal: leaving.signal })
    setTimeout(() => leaving.abort(), 100)
    const { body, isBroken } = await readAll(response)
    expect(isBroken).toBe(true)
    if (stream) expect(contents(body)).toHaveLength(3)
    else expect(() => JSON.parse(body)).toThrow(SyntaxError)
    await vi.waitFor(
      () => expect(model.requests[0]).toMatchObject({ deltasSent: 3, aborted: true }),
      10_000,
    )
  })

  test.each([true, false])(
    'cut breaks the connection in the middle (stream: %s)',
    async (stream) => {
      const { body, isBroken } = await readAll(await post('[[fault cut after=3]]', { stream }))
      expect(isBroken).toBe(true)
      if (stream) expect(contents(body)).toHaveLength(3)
      expect(model.requests).toMatchObject([{ deltasSent: 3, aborted: false }])
    },
  )

  test.each([true, false])('end ends cleanly, without an end (stream: %s)', async (stream) => {
    const { body, isBroken } = await readAll(await post('[[fault end after=3]]', { stream }))
    expect(isBroken).toBe(false)
    if (stream) expect(contents(body)).toHaveLength(3)
    else expect(() => JSON.parse(body)).toThrow(SyntaxError)
    expect(body).not.toContain('[DONE]')
    expect(body).not.toContain('"finish_reason":"')
  })

  test('nonsense is a line of malformed JSON, and the stream continues after it', async () => {
    const { body } = await readAll(await post('[[fault nonsense after=2]]'))
    expect(() => JSON.parse(dataLines(body)[3] ?? '')).toThrow(SyntaxError)
    expect(contents(body).length).toBeGreaterThan(2)
    expect(dataLines(body).at(-1)).toBe('[DONE]')
  })

  test('error-chunk is an error in the stream, which then ends', async () => {
    const { body } = await readAll(await post('[[fault error-chunk after=2]]'))
    expect(contents(body)).toHaveLength(2)
    expect(JSON.parse(dataLines(body).at(-1) ?? '')).toMatchObject({
      error: { type: 'server_error' },
    })
    await expect(streamed(conversation('[[fault error-chunk]]'))).rejects.toThrow(
      'server had an error',
    )
  })

  test('empty finishes without text', async () => {
    const { choices, usage } = await ask(conversation('[[fault empty]]'))
    expect(choices[0]).toMatchObject({ message: { content: '' }, finish_reason: 'stop' })
    expect(usage?.completion_tokens).toBe(0)
    const { body } = await readAll(await post('[[fault empty]]'))
    expect(contents(body)).toEqual([])
    expect(body).toContain('"finish_reason":"stop"')
  })

  test('no-usage omits the usage', async () => {
    expect((await ask(conversation('[[fault no-usage]]'))).usage).toBeUndefined()
    const { body } = await readAll(await post('[[fault no-usage]]'))
    expect(body).not.toContain('prompt_tokens')
  })

  test('no-finish ends with [DONE] but without a finish_reason', async () => {
    const { body } = await readAll(await post('[[fault no-finish]]'))
    expect(body).not.toContain('"finish_reason":"')
    expect(dataLines(body).at(-1)).toBe('[DONE]')
  })

  test.each(['length', 'error', 'content_filter'])(
    'finish ends after some deltas, with the reason %s',
    async (reason) => {
      const directive = `[[fault finish reason=${reason} after=3]]`
      const { body } = await readAll(await post(directive))
      expect(contents(body)).toHaveLength(3)
      expect(body).toContain(`"finish_reason":"${reason}"`)
      expect(dataLines(body).at(-1)).toBe('[DONE]')
      const { choices, usage } = await ask(conversation(directive))
      expect(choices[0]?.finish_reason).toBe(reason)
      expect(usage?.completion_tokens).toBe(countTokens(choices[0]?.message.content ?? ''))
    },
  )

  test.each([
    ['tag', /^<think>\n.+\n<\/think>\n\nYes\.$/s],
    ['unopened', /^[^<]+\n<\/think>\n\nYes\.$/],
    ['unclosed', /^<think>\n[^<]+Yes\.$/],
    ['field', /^Yes\.$/],
  ])('thinking comes before the text, in the form %s', async (form, content) => {
    const directive = `[[fault thinking form=${form} words=9]] [[reply "Yes."]]`
    const { body } = await readAll(await post(directive))
    expect(contents(body).join('')).toMatch(content)
    expect(body.includes('reasoning_content')).toBe(form === 'field')
    const { choices, usage } = await ask(conversation(directive))
    expect(choices[0]?.message.content).toMatch(content)
    const reasoningTokens = usage?.completion_tokens_details?.reasoning_tokens ?? 0
    expect(reasoningTokens > 0).toBe(form === 'field')
    expect(usage?.completion_tokens).toBeGreaterThan(9)
  })

  test('thinking in a form that does not exist is an error', async () => {
    expect((await post('[[fault thinking form=x]]')).status).toBe(400)
  })

  test('not-streamed answers a request for a stream with one JSON object', async () => {
    const response = await post('[[fault not-streamed]] [[reply "Yes."]]')
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toMatchObject({
      choices: [{ message: { content: 'Yes.' }, finish_reason: 'stop' }],
    })
  })

  test('slow-first delays even the headers', async () => {
    const leaving = new AbortController()
    const response = post('[[fault slow-first ms=60000]]', { signal: leaving.signal })
    await vi.waitFor(() => expect(model.requests).toHaveLength(1), 10_000)
    leaving.abort()
    await expect(response).rejects.toThrow('aborted')
    expect((await post('[[fault slow-first ms=1]]')).status).toBe(200)
  })

  test('pace waits between two chunks', async () => {
    const leaving = new AbortController()
    await post('[[fault pace ms=60000]]', { signal: leaving.signal })
    await vi.waitFor(() => expect(model.requests[0]?.deltasSent).toBe(1), 10_000)
    await sleep(50)
    expect(model.requests[0]?.deltasSent).toBe(1)
    leaving.abort()
  })

  test('chunks sends that many, and counts them', async () => {
    const chunks = await streamed(conversation('[[fault chunks n=10000]]'))
    expect(chunks).toHaveLength(10_003)
    expect(chunks.at(-1)?.usage?.completion_tokens).toBe(countTokens('ha '.repeat(10_000)))
  })

  test('one-chunk sends the whole text at once', async () => {
    const { body } = await readAll(await post('[[fault one-chunk]] [[reply "one two three"]]'))
    expect(contents(body)).toEqual(['one two three'])
  })

  test('empty-deltas puts empty chunks between the others', async () => {
    const messages = conversation('[[fault empty-deltas]] [[reply "one two"]]')
    const chunks = await streamed(messages)
    expect(chunks.filter(({ choices }) => choices.length === 0).length).toBeGreaterThan(1)
    const text = chunks.map(({ choices }) => choices[0]?.delta?.content ?? '').join('')
    expect(text).toBe('one two')
    expect((await ask(messages)).choices[0]?.message.content).toBe('one two')
  })

  test('split-utf8 splits characters over two writes', async () => {
    const response = await post('[[fault split-utf8]]')
    const whole = new TextDecoder()
    let body = ''
    let splits = 0
    for await (const chunk of response.body ?? []) {
      if (new TextDecoder().decode(chunk).includes('\ufffd')) splits += 1
      body += whole.decode(chunk, { stream: true })
    }
    expect(splits).toBeGreaterThan(1)
    expect(contents(body).join('')).toContain('Grüße, 你好, שלום, 👋🏽')
  })

  test('cr-only ends lines with a carriage return, and the client reads them', async () => {
    const { body } = await readAll(await post('[[fault cr-only]] Hello'))
    expect(body).not.toContain('\n')
    const chunks = await streamed(conversation('[[fault cr-only]] [[reply "fine"]]'))
    expect(chunks[1]?.choices[0]?.delta.content).toBe('fine')
  })

  test('surrogates sends a lone surrogate, and a pair in two deltas, as JSON escapes', async () => {
    const { body } = await readAll(await post('[[fault surrogates]]'))
    expect(body).toContain(String.raw`\ud800`)
    expect(contents(body)).toContain('A pair in two deltas: \ud83d')
    expect(contents(body).join('')).toContain('👋')
  })

  test('nul sends U+0000', async () => {
    expect(await answerTo('[[fault nul]]')).toBe('before\0after')
  })

  test('reply sends exactly the given text', async () => {
    const text = '\r\n\nevent: x\u2028 "quoted" \\ ]] [[fault refused]] \ud800 👋  '
    const messages = conversation(`[[reply ${JSON.stringify(text)}]]`)
    expect((await ask(messages)).choices[0]?.message.content).toBe(text)
    const chunks = await streamed(messages)
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(text)
  })

  test('several faults in one message apply together', async () => {
    const { body } = await readAll(await post('[[fault cr-only]] [[fault end after=1]]'))
    expect(contents(body)).toHaveLength(1)
    expect(body).not.toContain('\n')
  })

  test('only one request meets times=1, until the server is cleared', async () => {
    await expect(statusesOfTwo('[[fault status=500 times=1]]')).resolves.toEqual([500, 200])
    await expect(statusesOfTwo('[[fault status=500 times=1 id=b]]')).resolves.toEqual([500, 200])
    model.clear()
    await expect(statusesOfTwo('[[fault status=500 times=1]]')).resolves.toEqual([500, 200])
  })

  test('only the newest message may request a fault', async () => {
    const turns = conversation('[[fault status=500]]', '[[fault status=500]]', 'Hello')
    await expect(ask(turns)).resolves.toBeDefined()
  })

  test('a directive is not part of what the visitor said', async () => {
    await expect(answerTo('My name is Ada [[fault no-usage]]')).resolves.toContain('name is Ada.')
  })

  test.each(['[[fault nope]]', '[[fault cut afer=3]]', '[[fault cut after=x]]', '[[reply "\\x"]]'])(
    'a typing error is refused: %s',
    async (directive) => {
      expect((await post(directive)).status).toBe(400)
    },
  )

  test('is impossible if faults are off', async () => {
    const harmless = await startOfflineModel({ faults: false })
    try {
      const client = new OpenAI({ apiKey: 'none', baseURL: harmless.baseUrl, maxRetries: 0 })
      const { choices } = await client.chat.completions.create({
        model: 'any',
        messages: conversation('[[fault status=500]] [[reply "x"]]'),
      })
      expect(choices[0]?.message.content).toContain('[[fault status=500]]')
    } finally {
      await harmless.close()
    }
  })
})

test('close breaks off a reply that is still running', async () => {
  const closing = await startOfflineModel({ pace: 'reading' })
  const response = await fetch(`${closing.baseUrl}/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({
      model: 'any',
      messages: conversation('Write 5000 words'),
      stream: true,
    }),
  })
  await sleep(100)
  await closing.close()
  expect((await readAll(response)).isBroken).toBe(true)
  expect(closing.requests[0]?.deltasSent).toBeLessThan(50)
  await expect(fetch(`${closing.baseUrl}/models`)).rejects.toThrow('fetch failed')
})
