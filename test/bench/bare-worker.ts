/** The settings of a bare Worker. */
export interface BareEnv {
  DATABASE_URL: string
  NEON_HTTP_ENDPOINT: string
  OPENAI_BASE_URL: string
}

export interface BareRequest {
  session_id: string
  user_id: string
  message: string
}

interface PromptMessage {
  role: string
  content: string
}

const systemPrompt: PromptMessage = {
  role: 'system',
  content: 'You are a helpful assistant on this website.',
}

/** The call of the product, by a bare `fetch`. */
export function callModel(
  { OPENAI_BASE_URL: baseUrl }: Pick<BareEnv, 'OPENAI_BASE_URL'>,
  messages: PromptMessage[],
): Promise<Response> {
  return fetch(`${baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer none' },
    body: JSON.stringify({
      model: 'bench',
      messages: [systemPrompt, ...messages],
      stream: true,
      stream_options: { include_usage: true },
      max_completion_tokens: 1_024,
    }),
  })
}

/** The text of a streamed completion. */
export async function readReply(answer: Response): Promise<string> {
  const events = (await answer.text()).split('\n\n')
  return events
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice(6)) as { choices: { delta: { content?: string } }[] })
    .map(({ choices }) => choices[0]?.delta.content ?? '')
    .join('')
}
