import type { EventSourceMessage } from 'eventsource-parser'
import OpenAI from 'openai'
import type { CompletionUsage } from './chat-model.ts'
import { textOf, thinkingBytesOf } from './content.ts'
import { readServerError, type ServerError } from './server-error.ts'
import { usageOf } from './usage.ts'

/** The content of one event of a stream, or of a whole completion. */
export interface CompletionPart {
  text?: string
  thinkingBytes?: number
  /** The provider's word for the end of the reply. */
  finish?: string
  usage?: CompletionUsage
  /** Comes after what the other members say. */
  fault?: Error
  /** Text and thinking are those of the whole completion, and repeat what came before. */
  isWhole?: true
  /** There is nothing more. */
  isLast?: true
}

/**
 * Reads an event. Undefined if it says nothing: empty data, a comment that a gateway put into `data`, a word such as `ping`,
 * or JSON that is no object. Only an object can be a chunk, so nothing that is skipped has text; an object that is
 * malformed may have had some, and is a fault.
 */
export function partOfEvent({ event, data }: EventSourceMessage): CompletionPart | undefined {
  const said = data.trim()
  if (said === '[DONE]') return { isLast: true }
  if (event === 'error') return { fault: errorOfEvent(said) }
  if (!said.startsWith('{')) return undefined
  const json = parseObject(said)
  return json instanceof Error ? { fault: json } : partOf(json)
}

function errorOfEvent(said: string): Error {
  const json = parseObject(said)
  if (json instanceof Error) return serverFault({ message: said })
  return serverFault(readServerError(json) ?? readServerError({ error: json }) ?? { message: '' })
}

/** Reads a body that is one JSON document: a completion that is not streamed, or an error. */
export function partsOfDocument(text: string): CompletionPart[] {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return [{ fault: error as Error }]
  }
  const error = readServerError(json)
  if (error !== undefined) return [{ fault: serverFault(error) }]
  const part = typeof json === 'object' && json !== null ? partOf(json) : {}
  if (part.isWhole || part.text) return [part, { isLast: true }]
  return [{ fault: new SyntaxError('The JSON is neither a completion nor an error') }]
}

type Json = Partial<OpenAI.ChatCompletionChunk> & { error?: unknown }
type Choice = Partial<OpenAI.ChatCompletionChunk.Choice> & { message?: object; error?: unknown }

/** Compatible servers do not keep to the types, so each member is checked. */
function partOf(json: Json): CompletionPart {
  const part: CompletionPart = {}
  const choice: Choice | undefined = json.choices?.[0]
  const said: unknown = choice?.delta ?? choice?.message
  if (typeof said === 'object' && said !== null) {
    const text = textOf(said)
    const thinkingBytes = thinkingBytesOf(said)
    if (text !== '') part.text = text
    if (thinkingBytes > 0) part.thinkingBytes = thinkingBytes
    if (!choice?.delta) part.isWhole = true
  }
  const finish: unknown = choice?.finish_reason
  if (typeof finish === 'string' && finish !== '') part.finish = finish
  const usage = usageOf(json)
  if (usage !== undefined) part.usage = usage
  const error =
    readServerError(json) ?? (choice?.error ? readServerError({ error: choice.error }) : undefined)
  if (error !== undefined) part.fault = serverFault(error)
  return part
}

function serverFault(error: ServerError): Error {
  return new OpenAI.APIError(undefined, error, undefined, undefined)
}

function parseObject(text: string): object | Error {
  try {
    return JSON.parse(text) as object
  } catch (error) {
    return error as Error
  }
}
