import { Problem } from '../errors.ts'
import type { CompletionChunk } from './chat-model.ts'
import type { CompletionPart } from './completion-part.ts'
import { readFinishReason } from './finish-reason.ts'
import { createThinkingFilter, type SplitContent } from './thinking.ts'
import { createByteLimit } from './utf8.ts'

/** The longest reply that is stored and shown. */
export const mostTextBytes = 1024 * 1024
/** Thinking is not kept, only paid for. */
export const mostThinkingBytes = 4 * mostTextBytes

/** A completion while it arrives: makes the pieces of a reply from what the provider sends. */
export interface Reply {
  add(parts: readonly CompletionPart[]): CompletionChunk
  /** The rest, once nothing follows. `cause` is what ended the stream before its end, if anything did. */
  end(cause?: unknown): CompletionChunk
  /** Whether the model wrote text or thinking. */
  readonly hasBegun: boolean
  /** Whether there is nothing more to read. */
  readonly isOver: boolean
  /** The fault that broke the reply off; undefined without one, or if the reply was whole by then. */
  readonly fault: unknown
  /** Whether the thinking had a closing tag and no opening one; undefined if the reply does not show it. */
  readonly closedUnopened: boolean | undefined
}

/** @param isUnopenedLikely whether the reply is likely to begin with thinking that has no opening tag */
export function startReply(isUnopenedLikely: boolean): Reply {
  const thinking = createThinkingFilter(isUnopenedLikely)
  const limit = createByteLimit(mostTextBytes)
  let thinkingBytes = 0
  let hasBegun = false
  let hasText = false
  let isLast = false
  let ending: ReturnType<typeof readFinishReason> | undefined
  let isWhole = false
  let fault: unknown

  function add(parts: readonly CompletionPart[]): CompletionChunk {
    const chunk: CompletionChunk = {}
    for (const part of parts) {
      if (!(part.isWhole && hasBegun)) takeContent(part, chunk)
      if (part.usage !== undefined) chunk.usage = part.usage
      // A server that reports usage, or says that all was sent, did not break off.
      if (part.isLast) settle(chunk)
      fault ??= part.fault
      if (fault === undefined && part.finish !== undefined) takeEnding(part.finish, chunk)
      if (fault === undefined && part.usage !== undefined) settle(chunk)
      isLast ||= part.isLast === true
      if (isLast || fault !== undefined) break
    }
    return chunk
  }

  function takeContent(
    { text = '', thinkingBytes: bytes = 0 }: CompletionPart,
    chunk: CompletionChunk,
  ) {
    hasBegun ||= text !== '' || bytes > 0
    if (bytes > 0) {
      thinking.expectTextFirst()
      pass({ text: '', isThinking: true, thinkingBytes: bytes, takesBack: false }, chunk)
    }
    if (text !== '') pass(thinking.push(text), chunk)
  }

  function takeEnding(said: string, chunk: CompletionChunk) {
    if (ending !== undefined && ending.kind !== 'unknown') return
    ending = readFinishReason(said)
    if (ending.kind === 'regular') finish(ending.word, chunk)
  }

  /** An unknown word for the end is a regular one if the server went on as after a regular one. */
  function settle(chunk: CompletionChunk) {
    if (ending?.kind === 'unknown' && !isWhole) finish(ending.word, chunk)
  }

  function finish(word: string, chunk: CompletionChunk) {
    pass(thinking.end(false), chunk)
    if (fault !== undefined) return
    isWhole = true
    chunk.finishReason = word
  }

  function pass(split: SplitContent, chunk: CompletionChunk) {
    if (split.takesBack) {
      chunk.takesBack = true
      delete chunk.text
      hasText = false
      limit.reset()
    }
    const text = limit.take(split.text)
    if (text !== '') {
      chunk.text = (chunk.text ?? '') + text
      hasText = true
    }
    if (split.isThinking) chunk.isThinking = true
    if (split.thinkingBytes > 0) {
      chunk.thinkingBytes = (chunk.thinkingBytes ?? 0) + split.thinkingBytes
      thinkingBytes += split.thinkingBytes
    }
    if (text !== split.text) fault ??= tooMuch('text')
    if (Math.max(thinkingBytes, thinking.waitingChars) > mostThinkingBytes)
      fault ??= tooMuch('thinking')
  }

  function tooMuch(what: 'text' | 'thinking'): Problem {
    const hint = `the model wrote more ${what} than a reply may have`
    return new Problem(hasText ? 'interrupted' : 'model_empty_reply', { hint })
  }

  return {
    add,
    end(cause) {
      const chunk: CompletionChunk = {}
      if (isWhole) return chunk
      fault ??= cause
      pass(thinking.end(true), chunk)
      fault ??= brokenOff(ending)
      return chunk
    },
    get hasBegun() {
      return hasBegun
    },
    get isOver() {
      return isLast || fault !== undefined
    },
    get fault() {
      return isWhole ? undefined : fault
    },
    get closedUnopened() {
      return thinking.closedUnopened || (isWhole && hasText ? false : undefined)
    },
  }
}

function brokenOff(ending: ReturnType<typeof readFinishReason> | undefined): Problem {
  // Only a known word may be logged: an unknown one may hold anything.
  const how =
    ending?.kind === 'broken' ? `with finish_reason ${ending.word}` : 'without a regular end'
  return new Problem('model_unavailable', { hint: `the model server ended the reply ${how}` })
}
