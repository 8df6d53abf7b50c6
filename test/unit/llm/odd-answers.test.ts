import type http from 'node:http'
import { describe, expect, test, vi } from 'vitest'
import { mostTextBytes, mostThinkingBytes } from '../../../src/llm/reply.ts'
import { complete, failure, modelOf, neverAborted, withModelServer } from '../../rigs/completion.ts'

type Send = (response: http.ServerResponse) => void

const eventStream = { 'content-type': 'text/event-stream' }
const sends =
  (
    body: string | Uint8Array,
    headers: http.OutgoingHttpHeaders = eventStream,
    status = 200,
  ): Send =>
  (response) =>
    response.writeHead(status, headers).end(body)
const json = { 'content-type': 'application/json' }

const chunks = (...data: unknown[]) =>
  data.map((item) => `data: ${typeof item === 'string' ? item : JSON.stringify(item)}\n\n`).join('')
const delta = (members: object) => ({ choices: [{ index: 0, delta: members }] })
const ended = (reason: unknown, members: object = {}) => ({
  choices: [{ index: 0, delta: {}, finish_reason: reason, ...members }],
})
const usage = { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } }
const hello = delta({ content: 'Hello' })

const read = (send: Send) => withModelServer(send, (baseUrl) => complete(modelOf(baseUrl), 'Hi'))
const fail = (send: Send, options = {}) =>
  withModelServer(send, (baseUrl) => failure(modelOf(baseUrl, options), 'Hi'))

/** The text that a reader was given, and the error that ended it early. */
async function readAll(baseUrl: string): Promise<{ text: string; error?: unknown }> {
  let text = ''
  try {
    const completion = modelOf(baseUrl)([{ role: 'user', content: 'Hi' }], {
      signal: neverAborted(),
    })
    for await (const chunk of completion) text = (chunk.takesBack ? '' : text) + (chunk.text ?? '')
  } catch (error) {
    return { text, error }
  }
  return { text }
}
const partly = (send: Send) => withModelServer(send, readAll)

describe('the end of a reply', () => {
  test.each(['', '\n', '\r\n'])('is read without a blank line after it: %j', async (rest) => {
    const body = `${chunks(hello)}data: ${JSON.stringify(ended('stop'))}${rest}`
    expect(await read(sends(body))).toMatchObject({ text: 'Hello', finishReason: 'stop' })
  })

  test('is not read from half an event', async () => {
    const body = `${chunks(hello)}data: ${JSON.stringify(ended('stop')).slice(0, -1)}`
    const { text, error } = await partly(sends(body))
    expect(text).toBe('Hello')
    expect(error).toMatchObject({
      options: { hint: expect.stringMatching(/without a regular end$/) },
    })
  })

  test.each([
    ['a word of another provider', [ended('MAX_TOKENS')], 'length'],
    ['an unknown word and [DONE]', [ended('whatever'), '[DONE]'], 'whatever'],
    ['an unknown word and usage', [ended('whatever'), usage], 'whatever'],
    ['an unknown word with usage', [{ ...ended('whatever'), usage: usage.usage }], 'whatever'],
    ['an error after a regular end', [ended('stop'), { error: { message: 'x' } }], 'stop'],
    ['a broken end after a regular one', [ended('stop'), ended('error'), '[DONE]'], 'stop'],
  ])('is regular with %s', async (_, data, finishReason) => {
    expect(await read(sends(chunks(hello, ...data)))).toMatchObject({ text: 'Hello', finishReason })
  })

  test.each([
    ['a word that says so', [ended('error'), '[DONE]'], /with finish_reason error$/],
    [
      'such a word and usage',
      [ended('network-error'), usage, '[DONE]'],
      /with finish_reason network_error$/,
    ],
    [
      'an error in the choice',
      [ended('stop', { error: { message: 'x' } }), '[DONE]'],
      /200 with an error$/,
    ],
    ['an error in the chunk', [{ ...ended('stop'), error: { code: 'bad_day' } }], /\(bad_day\)$/],
    ['an unknown word and nothing else', [ended('whatever')], /without a regular end$/],
    ['an unknown word and an error', [ended('whatever'), { error: { code: 502 } }], /\(502\)$/],
    ['no word', ['[DONE]'], /without a regular end$/],
    ['the error of another form', [{ object: 'error', message: 'x', code: 500 }], /\(500\)$/],
  ])('is a fault with %s', async (_, data, hint) => {
    const { text, error } = await partly(sends(chunks(hello, ...data)))
    expect(text).toBe('Hello')
    expect(error).toMatchObject({
      code: 'model_unavailable',
      options: { hint: expect.stringMatching(hint) },
    })
  })

  test('reports the usage that comes after a broken one', async () => {
    const send = sends(chunks(hello, ended('error'), usage, '[DONE]'))
    await withModelServer(send, async (baseUrl) => {
      const completion = modelOf(baseUrl)([{ role: 'user', content: 'Hi' }], {
        signal: neverAborted(),
      })
      const usages: unknown[] = []
      const reading = (async () => {
        for await (const chunk of completion) usages.push(chunk.usage)
      })()
      await expect(reading).rejects.toMatchObject({ code: 'model_unavailable' })
      expect(usages).toContainEqual({ promptTokens: 3, completionTokens: 2, reasoningTokens: 0 })
    })
  })
})

describe('content as a list of parts', () => {
  const parts = [
    { type: 'thinking', thinking: [{ type: 'text', text: 'Is it?' }] },
    { type: 'reasoning', text: 'Is it?' },
    { type: 'text', text: 'Hel' },
    { type: 'output_text', text: 'l' },
    { type: 'text', text: { value: 'o' } },
    '',
    { type: 'image_url', image_url: { url: 'x' } },
    { type: 'reference', reference_ids: [1] },
  ]

  test('is the text of its text parts', async () => {
    expect((await read(sends(chunks(delta({ content: parts }), ended('stop'))))).text).toBe('Hello')
  })

  test('is read in a completion that is not streamed', async () => {
    const body = { choices: [{ message: { content: parts }, finish_reason: 'stop' }] }
    expect((await read(sends(JSON.stringify(body), json))).text).toBe('Hello')
  })
})

describe('reasoning in members of its own is no text, but a sign of life', () => {
  test.each([
    { reasoning_content: 'Is it?' },
    { reasoning: 'Is it?' },
    { reasoning: { text: 'Is it?' } },
    { reasoning_details: [{ type: 'reasoning.encrypted', data: 'x' }] },
    { thinking: 'Is it?' },
    { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Is it?' }] }] },
  ])('%j', async (members) => {
    const send: Send = (response) => {
      response.writeHead(200, eventStream)
      response.write(chunks(delta({ content: '', ...members })))
      setTimeout(() => response.end(chunks(hello, ended('stop'))), 700)
    }
    await withModelServer(send, async (baseUrl) => {
      const model = modelOf(baseUrl, { firstTokenTimeoutMs: 400 })
      const seen: string[] = []
      const all = model([{ role: 'user', content: 'Hi' }], { signal: neverAborted() })
      for await (const { isThinking, thinkingBytes = 0, text } of all)
        seen.push(`${isThinking ? 'thinking' : ''}${text ?? ''}${thinkingBytes > 0 ? '+' : ''}`)
      expect(seen.filter(Boolean)).toEqual(['thinking+', 'Hello'])
    })
  })

  test.each([[{ reasoning_content: '' }], [{ reasoning_details: [] }], [{ reasoning: null }]])(
    'unless it is empty: %j',
    async (members) => {
      const send: Send = (response) => {
        response.writeHead(200, eventStream)
        const timer = setInterval(() => response.write(chunks(delta(members))), 20)
        response.on('close', () => clearInterval(timer))
      }
      const problem = await fail(send, { firstTokenTimeoutMs: 200 })
      expect(problem.message).toBe('The reply did not begin in time')
    },
  )

  test('and after it the deadline between two pieces counts', async () => {
    const send: Send = (response) => {
      response.writeHead(200, eventStream).write(chunks(delta({ reasoning_content: 'Is it?' })))
    }
    const problem = await fail(send, { idleTimeoutMs: 100 })
    expect(problem).toMatchObject({ code: 'model_timeout', message: 'The reply stalled' })
  })
})

describe('a model that closes its thinking without opening it', () => {
  const thinking = [delta({ content: 'Okay, ' }), delta({ content: 'so.\n</think>\n\n' }), hello]
  const bare = sends(chunks(...thinking, ended('stop')))
  const plain = sends(chunks(hello, delta({ content: ' there' }), ended('stop')))

  /** The texts that two replies of one model show, piece by piece. */
  async function twoReplies(model: string, first: Send, second: Send) {
    const answers = [first, second]
    return withModelServer(
      (response) => answers.shift()?.(response),
      async (baseUrl) => {
        const ask = modelOf(baseUrl, { model })
        const replies: string[][] = []
        for (let count = 0; count < 2; count += 1) {
          const pieces: string[] = []
          for await (const { takesBack, text } of ask([{ role: 'user', content: 'Hi' }], {
            signal: neverAborted(),
          }))
            pieces.push(`${takesBack ? '⌫' : ''}${text ?? ''}`)
          replies.push(pieces.filter(Boolean))
        }
        return replies
      },
    )
  }

  test('shows it once, and never again', async () => {
    const slow: Send = (response) => {
      response.writeHead(200, eventStream).write(chunks(thinking[0]))
      setTimeout(() => response.end(chunks(...thinking.slice(1), ended('stop'))), 100)
    }
    expect(await twoReplies('some-model', slow, slow)).toEqual([['Okay, ', '⌫Hello'], ['Hello']])
  })

  test('never shows it if its name is known', async () => {
    expect(await twoReplies('deepseek-r1', bare, bare)).toEqual([['Hello'], ['Hello']])
  })

  test('streams again once a reply had no such thinking', async () => {
    const slow: Send = (response) => {
      response.writeHead(200, eventStream).write(chunks(hello))
      setTimeout(() => response.end(chunks(delta({ content: ' there' }), ended('stop'))), 100)
    }
    const replies = await twoReplies('deepseek-r1', slow, slow)
    expect(replies).toEqual([['Hello there'], ['Hello', ' there']])
  })

  test('streams at once where the server separates the reasoning', async () => {
    const separate: Send = (response) => {
      response.writeHead(200, eventStream).write(chunks(delta({ reasoning: 'Okay' }), hello))
      setTimeout(() => response.end(chunks(delta({ content: ' there' }), ended('stop'))), 100)
    }
    const [first] = await twoReplies('deepseek-r1', separate, plain)
    expect(first).toEqual(['Hello', ' there'])
  })
})

describe('one JSON object with status 200', () => {
  const completion = {
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: '<think>Is it?</think>Hello',
          reasoning_content: 'x',
        },
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 2 },
  }
  const expected = {
    text: 'Hello',
    finishReason: 'stop',
    usage: { promptTokens: 3, completionTokens: 2, reasoningTokens: 0 },
  }

  test.each([
    ['as JSON', JSON.stringify(completion), json],
    ['as a stream of events', JSON.stringify(completion), eventStream],
    ['without a type', JSON.stringify(completion, undefined, 2), {}],
    ['after line ends and a BOM', `\uFEFF\r\n\n ${JSON.stringify(completion)}\n`, json],
    ['in an event', chunks(completion, '[DONE]'), eventStream],
    ['in an event after its chunks', chunks(hello, completion, '[DONE]'), eventStream],
  ])('that is a completion is used: %s', async (_, body, headers) => {
    expect(await read(sends(body, headers))).toEqual(expected)
  })

  test('whose end has an unknown word is whole, since the object is', async () => {
    const [choice] = completion.choices
    const body = { choices: [{ ...choice, finish_reason: 'whatever' }] }
    expect(await read(sends(JSON.stringify(body), json))).toMatchObject({
      finishReason: 'whatever',
    })
  })

  test.each([
    [
      'model_unavailable',
      { error: { message: 'secret', type: 'server_error' } },
      '200 with an error (server_error)',
    ],
    ['model_unavailable', { error: 'secret text' }, '200 with an error'],
    [
      'model_unavailable',
      { detail: 'secret', code: 401 },
      '200 with an error (401): check OPENAI_API_KEY',
    ],
    [
      'model_unavailable',
      [{ error: { code: 404, status: 'NOT_FOUND' } }],
      '(NOT_FOUND): check OPENAI_MODEL and',
    ],
    ['model_rate_limited', { message: 'secret', code: 429 }, '200 with an error (429)'],
    ['model_context_exceeded', { error: 'prompt is too long' }, 'lower CONTEXT_TOKEN_BUDGET'],
    ['model_unavailable', { hello: 'secret' }, 'the model server answered nonsense'],
    ['model_unavailable', { choices: [] }, 'the model server answered nonsense'],
  ])('that is an error is %s: %j', async (code, body, hint) => {
    const problem = await fail(sends(JSON.stringify(body), json))
    expect(problem).toMatchObject({ code, options: { hint: expect.stringContaining(hint) } })
    expect(problem.options.hint).not.toContain('secret')
  })

  test.each([
    ['<!doctype html><p>Sign in', 'web page'],
    ['\n\n  <html>', 'web page'],
    ['{"choices":[{"message":{"content":"Hel', 'nonsense'],
    ['upstream connect error', 'nonsense'],
    ['', 'nonsense'],
  ])('or something else has a hint of its own: %j', async (body, hint) => {
    const problem = await fail(sends(body, json))
    expect(problem).toMatchObject({
      code: 'model_unavailable',
      options: { hint: expect.stringContaining(hint) },
    })
  })
})

describe('an HTTP error', () => {
  test.each([
    [400, [{ error: { code: 400, message: 'The input token count (9) exceeds the maximum' } }]],
    [400, { object: 'error', message: "This model's maximum context length is 4096 tokens" }],
    [500, { error: 'the input length exceeds the context length' }],
    [422, { detail: [{ msg: 'Prompt length 9000 is greater than max_seq_len 8192' }] }],
    [413, 'not JSON'],
  ])('with status %i is too long in any form: %j', async (status, body) => {
    const problem = await fail(sends(JSON.stringify(body), json, status))
    expect(problem).toMatchObject({ code: 'model_context_exceeded', options: { isUnspent: true } })
  })

  test('of a limit on rates keeps its Retry-After, whatever its status', async () => {
    const body = { error: { message: 'tokens per minute (TPM): Limit 6000', type: 'tokens' } }
    const problem = await fail(sends(JSON.stringify(body), { ...json, 'retry-after': '7' }, 413))
    expect(problem).toMatchObject({ code: 'model_rate_limited', options: { retryAfterSeconds: 7 } })
  })

  test('that never ends is read only at its beginning', async () => {
    let closed = false
    const send: Send = (response) => {
      response.writeHead(500, { 'content-type': 'text/plain' })
      response.on('close', () => (closed = true))
      const timer = setInterval(() => response.write('x'.repeat(16 * 1024)), 1)
      response.on('close', () => clearInterval(timer))
    }
    await withModelServer(send, async (baseUrl) => {
      const { options } = await failure(modelOf(baseUrl), 'Hi')
      expect(options.hint).toBe('the model server answered 500')
      await vi.waitFor(() => expect(closed).toBe(true), 10_000)
    })
  })

  test('that stalls meets the deadline', async () => {
    const send: Send = (response) => response.writeHead(500).write('{"error":')
    const problem = await fail(send, { firstTokenTimeoutMs: 300 })
    expect(problem).toMatchObject({ code: 'model_timeout' })
  })
})

describe('an answer without end', () => {
  /** Sends `head`, then `piece` again and again until the client leaves. */
  const endless =
    (head: string, piece: string, onClose: (bytes: number) => void): Send =>
    (response) => {
      let bytes = 0
      response.writeHead(200, eventStream)
      response.on('close', () => {
        onClose(bytes)
      })
      const write = () => {
        while (!response.destroyed) {
          bytes += piece.length
          if (!response.write(piece)) {
            response.once('drain', write)
            return
          }
        }
      }
      response.write(head, write)
    }
  const kib = 'é'.repeat(512)

  test.each([
    ['text', chunks(hello), chunks(delta({ content: kib })), 'interrupted', mostTextBytes],
    ['thinking', '', chunks(delta({ reasoning: kib })), 'model_empty_reply', mostThinkingBytes],
    [
      'thinking in a tag',
      chunks(delta({ content: '<think>' })),
      chunks(delta({ content: kib })),
      'model_empty_reply',
      mostThinkingBytes,
    ],
    [
      'white space',
      '',
      chunks(delta({ content: ' '.repeat(1024) })),
      'model_empty_reply',
      mostThinkingBytes,
    ],
    ['one line', 'data: {', kib, 'model_unavailable', 8 * mostTextBytes],
    ['lines of one event', '', `data: {${kib}\n`, 'model_unavailable', 8 * mostTextBytes],
    ['one JSON object', '{', kib, 'model_unavailable', 8 * mostTextBytes],
  ])('is ended, and its connection closed: %s', async (_, head, piece, code, atLeast) => {
    let sent: number | undefined
    const send = endless(head, piece, (bytes) => (sent = bytes))
    await withModelServer(send, async (baseUrl) => {
      const { text, error } = await readAll(baseUrl)
      expect(error).toMatchObject({ code })
      if (code === 'interrupted') {
        // An odd number of bytes before characters of two: the last one does not fit.
        expect(new TextEncoder().encode(text)).toHaveLength(mostTextBytes - 1)
        expect(text.isWellFormed()).toBe(true)
      } else expect(text).toBe('')
      await vi.waitFor(() => expect(sent).toBeDefined(), 10_000)
      expect(sent).toBeLessThan(4 * atLeast + 16 * 1024 * 1024)
    })
  })

  test('is ended while it waits for a closing tag', async () => {
    const send = endless('', chunks(delta({ content: kib })), () => {})
    const problem = await fail(send, { model: 'deepseek-r1' })
    expect(problem.code).toBe('model_empty_reply')
  })

  test('a JSON object with more text than a reply may have is cut', async () => {
    const content = 'a'.repeat(mostTextBytes + 1)
    const body = JSON.stringify({ choices: [{ message: { content }, finish_reason: 'stop' }] })
    const { text, error } = await partly(sends(body, json))
    expect(text).toHaveLength(mostTextBytes)
    expect(error).toMatchObject({ code: 'interrupted' })
  })

  test('a reply of just that size is whole', async () => {
    const content = 'a'.repeat(mostTextBytes)
    const body = JSON.stringify({ choices: [{ message: { content }, finish_reason: 'stop' }] })
    expect(await read(sends(body, json))).toMatchObject({ text: content, finishReason: 'stop' })
  })
})
