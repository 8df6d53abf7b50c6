import { expect, test } from 'vitest'
import type { CompletionChunk } from '../../../../src/llm/chat-model.ts'
import { mostTextBytes } from '../../../../src/llm/reply.ts'
import { continuedPart } from '../../../../src/turn/continue/request.ts'
import { promptParts } from '../../../../src/turn/prompt/parts.ts'
import { readCompletion } from '../../../../src/turn/read-completion.ts'
import type { RunningTurn, TurnDeps } from '../../../../src/turn/start-turn.ts'
import type { ContinuedReply } from '../../../../src/turn/turn.ts'

/** Adds a model's chunks to a reply that is continued and has this text. */
async function added(content: string, chunks: CompletionChunk[], tokens = 100) {
  const continued = { reply: { content }, errorCode: 'stopped', tokens } as ContinuedReply
  const prompt = promptParts({
    system: { content: '', tokens: 0 },
    window: [],
    message: { seq: 1, content: 'Hello', tokens: 1 },
    continued: continuedPart(continued),
  })
  async function* model() {
    yield* chunks
  }
  let text = ''
  const completion = await readCompletion(
    { model } as unknown as TurnDeps,
    { prompt, continued } as unknown as RunningTurn,
    {
      signal: new AbortController().signal,
      onPrompt: () => {},
      onText: (more) => (text += more),
      onThinking: () => {},
      onTakeBack: () => (text = ''),
    },
  )
  return { text, completion }
}

test('text that is held back to the end is still a part of the reply, and the seam is told in bytes', async () => {
  const { text, completion } = await added('Grüße aus Bern', [
    { text: 'Grüße aus ' },
    { text: 'Bern' },
    { text: '.' },
  ])
  expect(text).toBe('.')
  expect(completion.repeatedBytes).toBe(16)
  const held = [{ text: 'One' }, { text: ' two' }]
  const ended = await added('One two three', [...held, { finishReason: 'stop' }])
  expect(ended.text).toBe('One two')
  expect((await added('One two three', held)).text).toBe('')
})

test('a reply whose last text does not fit is cut off, also if the model ended regularly', async () => {
  const content = `${'x'.repeat(mostTextBytes - 17)} One two three`
  const { text, completion } = await added(
    content,
    [{ text: 'One' }, { text: ' two' }, { finishReason: 'stop' }],
    3,
  )
  expect(text).toBe('One')
  expect(completion.finishReason).toBeUndefined()
  expect(completion.problem).toMatchObject({ code: 'interrupted' })
})
