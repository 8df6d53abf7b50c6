import { utf8Bytes } from './utf8.ts'

/** The members of a delta or message in which providers report reasoning, the same of it often in several. */
const reasoningMembers = [
  'reasoning_content',
  'reasoning',
  'reasoning_text',
  'thinking',
  'thinking_content',
  'thought',
  'reasoning_details',
  'thinking_blocks',
]

type Members = Readonly<Record<string, unknown>>

/** The text of a delta or message; a refusal is its text too. */
export function textOf(said: object): string {
  const { content, refusal } = said as Members
  return textOfContent(content) || (typeof refusal === 'string' ? refusal : '')
}

/** UTF-8 bytes of the reasoning that a delta or message has beside its text. */
export function thinkingBytesOf(said: object): number {
  const members = said as Members
  // Of a provider that reports the same in several members, the first one counts.
  for (const name of reasoningMembers) {
    const bytes = bytesOf(members[name])
    if (bytes > 0) return bytes
  }
  const { content } = members
  if (!Array.isArray(content)) return 0
  return content.reduce<number>((sum, part) => sum + (isThinking(part) ? bytesOf(part) : 0), 0)
}

/** A string, or parts of several types (Mistral, gateways): only the text parts are text. */
function textOfContent(content: unknown): string {
  if (typeof content === 'string') return content
  if (Array.isArray(content)) return content.map(textOfPart).join('')
  return textOfPart(content)
}

function textOfPart(part: unknown): string {
  if (typeof part === 'string') return part
  if (typeof part !== 'object' || part === null) return ''
  const { type, text, refusal } = part as Members
  if (type === 'refusal') return typeof refusal === 'string' ? refusal : ''
  if (type !== undefined && type !== 'text' && type !== 'output_text') return ''
  const { value } = (text ?? {}) as Members
  return [text, value].find((each) => typeof each === 'string') ?? ''
}

function isThinking(part: unknown): boolean {
  const { type } = (part ?? {}) as { type?: unknown }
  return typeof type === 'string' && /think|reason/i.test(type)
}

function bytesOf(value: unknown): number {
  if (typeof value === 'string') return utf8Bytes(value)
  const isEmpty = typeof value !== 'object' || value === null || Object.keys(value).length === 0
  return isEmpty ? 0 : utf8Bytes(JSON.stringify(value))
}
