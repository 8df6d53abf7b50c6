import http from 'node:http'
import { json as readJson } from 'node:stream/consumers'
import { listen } from '../../scripts/dev/listen.ts'
import type { PromptMessage } from '../../src/llm/chat-model.ts'
import { exactTokens } from '../rigs/exact-tokens.ts'

/** The tokens of a prompt, and how many of them the cache had. */
interface PromptCount {
  promptTokens: number
  cachedTokens: number
}

interface PromptCache {
  /** Counts a prompt and keeps it. */
  add(messages: readonly PromptMessage[]): PromptCount
}

/** Tokens that are kept together, and what followed them in the prompts so far. */
type Blocks = Map<string, Blocks>

const blockTokens = 128
const leastTokens = 1_024

/**
 * The prompt cache of a provider that never forgets. As OpenAI's does, it finds the longest beginning that the prompt has
 * in common with an earlier one: in whole blocks of 128 tokens, from 1,024 tokens on (OpenAI's guide "Prompt caching").
 * Providers drop what is not used for some minutes, so a conversation with longer pauses has fewer hits.
 */
export function createPromptCache(): PromptCache {
  const root: Blocks = new Map()
  return {
    add(messages) {
      const tokens = tokensOf(messages)
      let blocks = root
      let commonTokens = 0
      for (let end = blockTokens; end <= tokens.length; end += blockTokens) {
        const key = tokens.slice(end - blockTokens, end).join(' ')
        let next = blocks.get(key)
        if (next) commonTokens = end
        else blocks.set(key, (next = new Map()))
        blocks = next
      }
      return {
        promptTokens: tokens.length,
        cachedTokens: commonTokens < leastTokens ? 0 : commonTokens,
      }
    },
  }
}

/** No tokens of o200k: they stand for those of the chat format. */
const begin = -1
const end = -2
const roles = { system: -3, user: -4, assistant: -5 } as const

/** The exact tokens of a prompt: those of its texts, 4 around each of them, and 3 at which the reply begins. */
function tokensOf(messages: readonly PromptMessage[]): number[] {
  return [
    ...messages.flatMap(({ role, content }) => [
      ...beginningOf(role),
      ...exactTokens(content),
      end,
    ]),
    ...beginningOf('assistant'),
  ]
}

function beginningOf(role: keyof typeof roles): number[] {
  return [begin, roles[role], begin]
}

/** A prompt that the model was sent. */
export interface CountedPrompt extends PromptCount {
  messages: PromptMessage[]
}

export interface CachingModel {
  /** As `OPENAI_BASE_URL` wants it. */
  baseUrl: string
  /** The prompts so far. */
  prompts: CountedPrompt[]
  close(): Promise<void>
}

/**
 * A model server with a prompt cache, which reports exact usage.
 * @param replyTo the reply to the n-th prompt, from 0
 */
export async function startCachingModel(
  replyTo: (prompt: number) => string,
): Promise<CachingModel> {
  const cache = createPromptCache()
  const server = http.createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy())
  })

  async function answer(request: http.IncomingMessage, response: http.ServerResponse) {
    const { messages } = (await readJson(request)) as { messages: PromptMessage[] }
    const count = cache.add(messages)
    const reply = replyTo(model.prompts.length)
    model.prompts.push({ ...count, messages })
    const usage = {
      prompt_tokens: count.promptTokens,
      completion_tokens: exactTokens(reply).length,
      prompt_tokens_details: { cached_tokens: count.cachedTokens },
    }
    const chunks = [
      { choices: [{ index: 0, delta: { content: reply }, finish_reason: null }] },
      { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
      { choices: [], usage },
    ].map((chunk) => `data: ${JSON.stringify({ object: 'chat.completion.chunk', ...chunk })}\n\n`)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`${chunks.join('')}data: [DONE]\n\n`)
  }

  const model: CachingModel = {
    baseUrl: `http://127.0.0.1:${await listen(server)}/v1`,
    prompts: [],
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
  return model
}
