import type { ChatMessage } from './chat-request.ts'

/** A conversation whose last answer was cut off, and which asks for the rest of it. */
export interface Continued {
  /** The conversation up to the message that the answer is to. */
  readonly messages: readonly ChatMessage[]
  /** The answer so far, or its end. */
  readonly soFar: string
}

/** Reads a request for the rest of an answer; undefined if it is none. */
export function readContinued(messages: readonly ChatMessage[]): Continued | undefined {
  const [soFar, request] = messages.slice(-2)
  if (soFar?.role !== 'assistant' || request?.role !== 'user') return undefined
  if (!/^Your last message was cut off\b/.test(request.content)) return undefined
  return { messages: messages.slice(0, -2), soFar: soFar.content }
}

/** How much of the answer so far is looked for in the whole answer. */
const soughtChars = 60

/** The rest of the whole answer, after the last words of the answer so far, as the request asks for them. */
export function restOf(whole: string, soFar: string): string {
  const sought = soFar.slice(-soughtChars)
  const place = whole.startsWith(soFar) ? soFar.length : whole.lastIndexOf(sought) + sought.length
  const rest = whole.includes(sought) ? whole.slice(place) : ''
  const [lastWords] = /(?:\S+\s+){0,2}\S*\s*$/.exec(soFar)!
  return lastWords + (rest === '' ? ' That is all.' : rest)
}
