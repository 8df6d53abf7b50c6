import http from 'node:http'
import { expect } from 'vitest'
import { listen } from '../../scripts/dev/listen.ts'
import { Problem } from '../../src/errors.ts'
import type { ChatModel, CompletionChunk, CompletionUsage } from '../../src/llm/chat-model.ts'
import { type OpenaiOptions, openaiModel } from '../../src/llm/openai.ts'

/** Our model with this server. Its deadlines are long unless a test sets its own. */
export function modelOf(baseUrl: string, change: Partial<OpenaiOptions> = {}): ChatModel {
  return openaiModel({
    apiKey: 'sk-canary',
    baseUrl,
    model: 'some-model',
    maxCompletionTokens: 500,
    maxTokensField: 'max_completion_tokens',
    streamUsage: true,
    firstTokenTimeoutMs: 20_000,
    idleTimeoutMs: 20_000,
    timeoutMs: 20_000,
    ...change,
  })
}

export const neverAborted = () => new AbortController().signal

export interface WholeCompletion {
  text: string
  finishReason: string | undefined
  usage: CompletionUsage | undefined
}

/** A completion of one message, read to its end. */
export async function complete(
  model: ChatModel,
  message: string,
  signal = neverAborted(),
): Promise<WholeCompletion> {
  const chunks: CompletionChunk[] = []
  for await (const chunk of model([{ role: 'user', content: message }], { signal }))
    chunks.push(chunk)
  return {
    text: chunks.map(({ text = '' }) => text).join(''),
    finishReason: chunks.find(({ finishReason }) => finishReason)?.finishReason,
    usage: chunks.find(({ usage }) => usage)?.usage,
  }
}

/** The problem of a completion, which must fail. */
export async function failure(
  model: ChatModel,
  message: string,
  signal?: AbortSignal,
): Promise<Problem> {
  const error: unknown = await complete(model, message, signal).then(
    (completion) => expect.fail(`not a failure: ${JSON.stringify(completion)}`),
    (reason: unknown) => reason,
  )
  if (!(error instanceof Problem)) throw error
  return error
}

/** Runs `use` with a model server that answers every request like this. */
export async function withModelServer<Result>(
  answer: (response: http.ServerResponse) => void,
  use: (baseUrl: string) => Promise<Result>,
): Promise<Result> {
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => answer(response))
  })
  const port = await listen(server)
  try {
    return await use(`http://127.0.0.1:${port}/v1`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
