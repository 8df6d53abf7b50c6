interface ThinkingTag {
  opening: string
  closing: string
  closingPattern: RegExp
}

/** Names of tags in which models write their thinking, at the beginning of a reply. */
const names = [
  'think',
  'thinking',
  'thought',
  'thoughts',
  'reason',
  'reasoning',
  'reflection',
  'scratchpad',
  'antthinking',
  'ant_thinking',
  'seed:think',
]

/** Lower case; models are read in any case. */
export const thinkingTags: readonly ThinkingTag[] = [
  ...names.map((name) => makeTag(`<${name}>`, `</${name}>`)),
  // Magistral, Kimi-VL, OpenThinker, Command A
  makeTag('[think]', '[/think]'),
  makeTag('◁think▷', '◁/think▷'),
  makeTag('<|begin_of_thought|>', '<|end_of_thought|>'),
  makeTag('<|start_thinking|>', '<|end_thinking|>'),
]

/** Tags whose opening half some chat templates write into the prompt, so that a reply has only the closing half. */
export const unopenedTags = thinkingTags.filter(({ opening }) =>
  ['<think>', '<thinking>', '<seed:think>', '[think]', '◁think▷'].includes(opening),
)

export const unopenedClosing = new RegExp(
  unopenedTags.map(({ closingPattern }) => closingPattern.source).join('|'),
  'i',
)

const longestTag = Math.max(
  ...thinkingTags.map(({ opening, closing }) => Math.max(opening.length, closing.length)),
)

/**
 * The models whose own template writes the opening half: DeepSeek-R1 and what is distilled from it, QwQ, Qwen3-Thinking.
 * Their first reply is then not shown before its thinking has ended.
 */
const unopenedModels = /(^|[^a-z])r1($|[^a-z0-9])|\bqwq\b|qwen.*thinking/i

export function writesOnlyClosingTag(model: string): boolean {
  return unopenedModels.test(model)
}

/**
 * The half of a tag with which a reply, or what follows a block of thinking, begins; a closing half only after a block, since
 * some models close it twice. `undecided`: it may be one, once more has come.
 */
export function tagAt(
  content: string,
  isAfterBlock: boolean,
): { tag: ThinkingTag; half: 'opening' | 'closing' } | 'undecided' | undefined {
  const head = content.slice(0, longestTag).toLowerCase()
  const halves = isAfterBlock ? (['opening', 'closing'] as const) : (['opening'] as const)
  let isUndecided = false
  for (const tag of thinkingTags) {
    for (const half of halves) {
      if (head.startsWith(tag[half])) return { tag, half }
      isUndecided ||= tag[half].startsWith(head)
    }
  }
  return isUndecided ? 'undecided' : undefined
}

/** How many characters at the end of `text` may be the beginning of one of these closing tags, which are in lower case. */
export function partialTag(text: string, tags: readonly string[]): number {
  const tail = text.slice(-longestTag)
  // Most text has no such character: the loop would cost more than all else.
  if (!/[<[◁]/.test(tail)) return 0
  const end = tail.toLowerCase()
  const sizes = tags.flatMap((whole) =>
    Array.from(whole, (_, size) => (end.endsWith(whole.slice(0, size)) ? size : 0)),
  )
  return Math.max(...sizes)
}

function makeTag(opening: string, closing: string): ThinkingTag {
  const source = closing.replaceAll(/[[\]|]/g, String.raw`\$&`)
  return { opening, closing, closingPattern: new RegExp(source, 'i') }
}
