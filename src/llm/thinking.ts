import { partialTag, tagAt, thinkingTags, unopenedClosing, unopenedTags } from './thinking-tags.ts'
import { isUnopened } from './unopened.ts'
import { utf8Bytes } from './utf8.ts'

/** A piece of content, separated into text and thinking. */
export interface SplitContent {
  text: string
  isThinking: boolean
  thinkingBytes: number
  /** All text before `text` was thinking. */
  takesBack: boolean
}

export interface ThinkingFilter {
  push(piece: string): SplitContent
  /** @param isCut whether the reply broke off */
  end(isCut: boolean): SplitContent
  /** Reasoning came in a field of its own, so the content holds none that was opened in the prompt. */
  expectTextFirst(): void
  /** The size of what waits to be told from thinking. */
  readonly waitingChars: number
  /** Whether thinking had a closing tag without an opening one. */
  readonly closedUnopened: boolean
}

type State = 'start' | 'block' | 'unopened' | 'text' | 'decided'
type Step = (rest: string, out: SplitContent) => string

/**
 * Separates the thinking at the beginning of a reply from its text, wherever the pieces are cut. Text waits only while it
 * may be the beginning of a tag.
 *
 * Thinking without an opening tag looks like text until its closing tag. If `isUnopenedLikely`, nothing is passed on before
 * that tag, or before the end of a reply that has none. Otherwise, the text is passed on, and taken back at that tag: to hold
 * back every reply would take the stream from all models for the sake of a few.
 */
export function createThinkingFilter(isUnopenedLikely: boolean): ThinkingFilter {
  let state: State = 'start'
  let isUnopenedExpected = isUnopenedLikely
  let block = thinkingTags[0]
  let closedUnopened = false
  let isAfterBlock = false
  /** White space before the first character. */
  let blank = ''
  /** May be the beginning of a tag. */
  let pending = ''
  /** In `unopened`, what waits; in `text`, what was passed on. */
  let before = ''

  /** Each step takes from the beginning of `rest`, and returns what it left. */
  const steps: Readonly<Record<State, Step>> = {
    start(rest, out) {
      const content = rest.trimStart()
      blank += rest.slice(0, rest.length - content.length)
      if (content === '') return ''
      const found = tagAt(content, isAfterBlock)
      if (found === 'undecided') return wait(content)
      if (found?.half === 'opening') {
        block = found.tag
        afterBlock('block')
        out.isThinking = true
      }
      if (found !== undefined) return content.slice(found.tag[found.half].length)
      if (isAfterBlock) {
        state = 'decided'
        return content
      }
      const text = blank + content
      blank = ''
      state = isUnopenedExpected ? 'unopened' : 'text'
      out.isThinking ||= state === 'unopened'
      return text
    },
    block(rest, out) {
      const { closing = '', closingPattern = /$/ } = block ?? {}
      const found = closingPattern.exec(rest)
      const end = found?.index ?? rest.length - partialTag(rest, [closing])
      out.thinkingBytes += utf8Bytes(rest.slice(0, end))
      if (found === null) return wait(rest.slice(end))
      state = 'start'
      return rest.slice(end + found[0].length)
    },
    unopened(rest, out) {
      const found = unopenedClosing.exec(rest)
      const end = found?.index ?? rest.length - partialTag(rest, unopenedClosings)
      before += rest.slice(0, end)
      if (found === null) return wait(rest.slice(end))
      closeUnopened(out)
      return rest.slice(end + found[0].length)
    },
    text(rest, out) {
      const found = unopenedClosing.exec(rest)
      const end = found?.index ?? rest.length - partialTag(rest, unopenedClosings)
      passOn(rest.slice(0, end), out)
      // The character after the tag helps to decide.
      if (found === null || end + found[0].length === rest.length) return wait(rest.slice(end))
      return decide(found[0], rest.slice(end + found[0].length), out)
    },
    decided(rest, out) {
      out.text += rest
      return ''
    },
  }

  function wait(content: string): '' {
    pending = content
    return ''
  }

  function passOn(text: string, out: SplitContent) {
    before += text
    out.text += text
  }

  /** Only the first closing tag may take text back, so that the cost is linear and later mentions are safe. */
  function decide(closing: string, after: string, out: SplitContent): string {
    if (isUnopened(before, closing, after)) {
      out.takesBack = true
      out.text = ''
      closeUnopened(out)
      return after
    }
    before = ''
    state = 'decided'
    return closing + after
  }

  function closeUnopened(out: SplitContent) {
    out.isThinking = true
    out.thinkingBytes += utf8Bytes(before)
    before = ''
    closedUnopened = true
    afterBlock('start')
  }

  function afterBlock(next: State) {
    isAfterBlock = true
    blank = ''
    state = next
  }

  function run(content: string, out: SplitContent): SplitContent {
    let rest = content
    while (rest !== '') rest = steps[state](rest, out)
    return out
  }

  return {
    push(piece) {
      const content = pending + piece
      pending = ''
      return run(content, nothing())
    },
    end(isCut) {
      const out = nothing()
      const rest = pending
      pending = ''
      if (state === 'text' && unopenedClosing.test(rest)) return run(decide(rest, '', out), out)
      // Half a tag of a reply that broke off is no text, and neither is thinking that did not end.
      if (state === 'text' || (state === 'start' && !isCut)) out.text = rest
      if (state === 'unopened' && isCut) out.thinkingBytes = utf8Bytes(before + rest)
      if (state === 'unopened' && !isCut) {
        out.text = before + rest
        before = ''
      }
      if (!isCut && state !== 'block') state = 'decided'
      return out
    },
    expectTextFirst() {
      isUnopenedExpected = false
    },
    get waitingChars() {
      return blank.length + (state === 'unopened' ? before.length : 0)
    },
    get closedUnopened() {
      return closedUnopened
    },
  }
}

const unopenedClosings = unopenedTags.map(({ closing }) => closing)

const nothing = (): SplitContent => ({
  text: '',
  isThinking: false,
  thinkingBytes: 0,
  takesBack: false,
})
