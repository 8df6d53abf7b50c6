import { ApiError } from './chat-request.ts'
import {
  contextLengthExceeded,
  errorChunk,
  errorOfStatus,
  errorResponse,
  htmlPage,
} from './error-responses.ts'
import { type Reply, splitIntoWords, type Step } from './reply.ts'
import { writeWords } from './sample-text.ts'
import {
  cutAfter,
  endWith,
  insertAfter,
  textOf,
  withDeltas,
  without,
  withThinking,
} from './steps.ts'

/**
 * The faults that a message can request: `[[fault cut after=3]]`. The values here are the defaults. `after` counts
 * content deltas, `ms` milliseconds. Several faults in one message apply in their order. Every fault also takes `times=1`
 * (only the first request with exactly this directive meets it) and `id=…` (it has no effect, but makes the directive
 * different from others). A request to continue a reply that was cut off meets only `pace` and the faults with `in=continue`,
 * which no other request meets.
 *
 * `[[fault finish reason=length]]` is a reply that the limit cut off, and `[[fault finish reason=error]]` one that broke off.
 * `[[fault thinking]]` is a reply that begins with thinking: `form=tag` in `<think>`, `form=field` in `reasoning_content`,
 * `form=unopened` with only the closing tag, `form=unclosed` with only the opening one. With `[[fault pace ms=100]]` it can be
 * watched.
 *
 * A reply that is not streamed meets the same faults: it is cut, ends or stalls in the middle of its JSON.
 */
const faults: Readonly<Record<string, Fault>> = {
  // The answer is not a completion
  status: fault({ status: 500, 'retry-after': '', code: '' }, (reply, options) => ({
    ...reply,
    instead: errorResponse(errorOfStatus(options), options['retry-after']),
  })),
  'context-length': fault({ over: 0 }, (reply, { over }) =>
    reply.promptTokens > over
      ? { ...reply, instead: errorResponse(contextLengthExceeded(over, reply.promptTokens)) }
      : reply,
  ),
  html: fault({ status: 200 }, (reply, { status }) => ({ ...reply, instead: htmlPage(status) })),

  // No answer
  refused: fault({}, (reply) => ({ ...reply, steps: [{ kind: 'destroy' }] })),
  silent: fault({}, (reply) => ({ ...reply, steps: [{ kind: 'hang' }] })),

  // The answer breaks off
  stall: fault({ after: 3 }, (reply, { after }) => cutAfter(reply, after, { kind: 'hang' })),
  cut: fault({ after: 3 }, (reply, { after }) => cutAfter(reply, after, { kind: 'destroy' })),
  end: fault({ after: 3 }, (reply, { after }) => cutAfter(reply, after)),
  'error-chunk': fault({ after: 2 }, (reply, { after }) =>
    cutAfter(reply, after, { kind: 'raw', data: errorChunk }),
  ),
  nonsense: fault({ after: 2 }, (reply, { after }) =>
    insertAfter(reply, after, { kind: 'raw', data: '{"id":"chatcmpl-0","choices":[{"del' }),
  ),

  // The answer ends in another way, or begins with thinking
  finish: fault({ reason: 'length', after: 12 }, (reply, { reason, after }) =>
    endWith(reply, after, reason),
  ),
  thinking: fault({ form: 'tag', words: 40 }, (reply, { form, words }) =>
    withThinking(reply, form, writeWords(words)),
  ),
  'not-streamed': fault({}, (reply) => ({ ...reply, isStreamed: false })),

  // The answer lacks something
  empty: fault({}, (reply) => withDeltas(reply, [])),
  'no-usage': fault({}, (reply) => without(reply, 'usage')),
  'no-finish': fault({}, (reply) => without(reply, 'finish')),

  // Pace and pieces
  'slow-first': fault({ ms: 1000 }, (reply, { ms }) => ({
    ...reply,
    steps: [{ kind: 'wait', ms }, ...reply.steps],
  })),
  pace: fault({ ms: 100 }, (reply, { ms }) => ({ ...reply, delayMs: ms })),
  chunks: fault({ n: 10_000 }, (reply, { n }) => withDeltas(reply, Array(n).fill('ha '))),
  'one-chunk': fault({}, (reply) => withDeltas(reply, [textOf(reply)])),
  'empty-deltas': fault({}, (reply) => ({
    ...reply,
    steps: reply.steps.flatMap((step): Step[] =>
      step.kind === 'content' ? [{ kind: 'empty' }, step] : [step],
    ),
  })),

  // Characters and bytes
  'split-utf8': fault({}, (reply) => ({
    ...withDeltas(reply, splitIntoWords('Grüße, 你好, שלום, 👋🏽 und tschüss.')),
    splitCharacters: true,
  })),
  'cr-only': fault({}, (reply) => ({ ...reply, lineEnd: '\r' })),
  surrogates: fault({}, (reply) =>
    withDeltas(reply, ['A lone one: \ud800. ', 'A pair in two deltas: \ud83d', '\udc4b.']),
  ),
  nul: fault({}, (reply) => withDeltas(reply, ['before', '\u0000', 'after'])),
}

type Options = Readonly<Record<string, number | string>>
type Fault = (given: ReadonlyMap<string, string>) => (reply: Reply) => Reply

interface Directive {
  /** As written; `times` counts requests with the same source. */
  readonly source: string
  /** How many requests meet it. */
  readonly times: number
  /** The requests that meet it. */
  readonly meets: 'message' | 'continue' | 'both'
  readonly apply: (reply: Reply) => Reply
}

const commonOptions = ['times', 'id', 'in']

const faultPattern = /\[\[fault ([^\][]*)\]\]/g
const replyPattern = /\[\[reply ("(?:[^"\\]|\\.)*")\]\]/

/**
 * Reads the faults that a message requests, in their order.
 *
 * @throws {ApiError} 400 for a fault or an option that does not exist, so a typing error in a test is seen
 */
export function parseFaults(text: string): Directive[] {
  return [...text.replace(replyPattern, '').matchAll(faultPattern)].map(([source, words = '']) => {
    const given = new Map(words.trim().split(/\s+/).map(splitAtEqualsSign))
    const name = given.keys().next().value ?? ''
    const create = Object.hasOwn(faults, name) ? faults[name] : undefined
    if (!create) throw new ApiError(400, `No such fault: ${source}`, { code: 'unknown_fault' })
    const times = given.has('times') ? parseNumber('times', given.get('times')) : Infinity
    const isOfContinue = given.get('in') === 'continue'
    const meets = isOfContinue ? 'continue' : name === 'pace' ? 'both' : 'message'
    return { source, times, meets, apply: create(given) }
  })
}

/**
 * Reads the text of `[[reply "…"]]`, a JSON string: exactly this will be the reply.
 *
 * @throws {ApiError} 400 if it is not a JSON string
 */
export function parseWantedReply(text: string): string | undefined {
  const json = replyPattern.exec(text)?.[1]
  if (json === undefined) return undefined
  try {
    return String(JSON.parse(json))
  } catch {
    throw new ApiError(400, '[[reply …]] wants a JSON string.', { code: 'invalid_reply' })
  }
}

export function withoutDirectives(text: string): string {
  return text.replace(replyPattern, '').replace(faultPattern, '').trim()
}

/** A fault with options. If the default is a number, the option takes only numbers. */
function fault<Defaults extends Options>(
  defaults: Defaults,
  apply: (reply: Reply, options: Defaults) => Reply,
): Fault {
  return (given) => {
    const options: Record<string, number | string> = {}
    for (const [index, [key, value]] of [...given].entries()) {
      // The first word is the name of the fault, with or without a value: `[[fault status=500]]`.
      const isBareName = index === 0 && value === ''
      if (isBareName || commonOptions.includes(key)) continue
      if (!Object.hasOwn(defaults, key)) {
        throw new ApiError(400, `No such option of a fault: ${key}`, { code: 'unknown_fault' })
      }
      options[key] = typeof defaults[key] === 'number' ? parseNumber(key, value) : value
    }
    return (reply) => apply(reply, Object.assign({}, defaults, options))
  }
}

function splitAtEqualsSign(word: string): [string, string] {
  const at = word.indexOf('=')
  return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)]
}

function parseNumber(key: string, value = ''): number {
  if (/^\d+$/.test(value)) return Number(value)
  throw new ApiError(400, `${key} wants a number, not '${value}'.`, { code: 'unknown_fault' })
}
