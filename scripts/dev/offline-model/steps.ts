import { ApiError } from './chat-request.ts'
import { contentSteps, type Reply, splitIntoWords, type Step } from './reply.ts'

export function textOf(reply: Reply): string {
  return reply.steps.map((step) => (step.kind === 'content' ? step.content : '')).join('')
}

export function withDeltas(reply: Reply, deltas: readonly string[]): Reply {
  const first = reply.steps.findIndex((step) => step.kind === 'content')
  const at = first < 0 ? reply.steps.length : first
  const after = reply.steps.slice(at).filter((step) => step.kind !== 'content')
  const steps = [...reply.steps.slice(0, at), ...contentSteps(deltas), ...after]
  return { ...reply, steps, completionTokens: undefined }
}

export function without(reply: Reply, kind: Step['kind']): Reply {
  return { ...reply, steps: reply.steps.filter((step) => step.kind !== kind) }
}

export function cutAfter(reply: Reply, deltas: number, ...then: Step[]): Reply {
  return { ...reply, steps: [...reply.steps.slice(0, indexAfter(reply, deltas)), ...then] }
}

export function insertAfter(reply: Reply, deltas: number, step: Step): Reply {
  return { ...reply, steps: reply.steps.toSpliced(indexAfter(reply, deltas), 0, step) }
}

/** Ends after so many content deltas, with this reason. */
export function endWith(reply: Reply, deltas: number, reason: string): Reply {
  const rest = reply.steps.filter(({ kind }) => kind === 'usage' || kind === 'done')
  const cut = cutAfter(reply, deltas, { kind: 'finish', reason }, ...rest)
  return { ...cut, completionTokens: undefined }
}

export function withThinking(reply: Reply, form: string, text: string): Reply {
  const words = splitIntoWords(text)
  const thinking: Record<string, Step[]> = {
    field: words.map((content) => ({ kind: 'reasoning', content })),
    tag: contentSteps(['<think>\n', ...words, '\n</think>\n\n']),
    unopened: contentSteps([...words, '\n</think>\n\n']),
    unclosed: contentSteps(['<think>\n', ...words]),
  }
  const steps = Object.hasOwn(thinking, form) ? thinking[form] : undefined
  if (!steps)
    throw new ApiError(400, `No such form of thinking: ${form}`, { code: 'unknown_fault' })
  const start = indexAfter(reply, 0)
  return { ...reply, steps: reply.steps.toSpliced(start, 0, ...steps), completionTokens: undefined }
}

/** The index of the step after so many content deltas, or after the last delta if there are fewer. */
function indexAfter({ steps }: Reply, deltas: number): number {
  const ends = steps.flatMap((step, index) => (step.kind === 'content' ? [index + 1] : []))
  const start = steps.findIndex((step) => step.kind === 'role') + 1
  return [start, ...ends][Math.min(deltas, ends.length)] ?? start
}
