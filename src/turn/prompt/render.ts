import type { WindowTurn } from '../../db/turns/begin-turn.ts'
import type { PromptMessage } from '../../llm/chat-model.ts'

/** A user's message as the model is sent it: text that the visitor selected comes before it, as a quotation. */
export function renderMessage(message: string, contextText: string | null | undefined): string {
  if (contextText == null) return message
  const quotation = contextText
    .split(/\r\n|[\r\n\u2028\u2029]/)
    .map((line) => `> ${line}`)
    .join('\n')
  return `The visitor selected this text on the page:\n\n${quotation}\n\n${message}`
}

/** System prompt, whole turns oldest first, the new message. */
export function buildPrompt(
  systemPrompt: string,
  window: readonly WindowTurn[],
  message: string,
): PromptMessage[] {
  return [
    { role: 'system', content: systemPrompt },
    ...window.flatMap((turn): PromptMessage[] => [
      { role: 'user', content: renderMessage(turn.message, turn.contextText) },
      { role: 'assistant', content: turn.reply },
    ]),
    { role: 'user', content: message },
  ]
}
