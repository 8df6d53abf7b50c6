import type {
  LeftOut,
  Receipt,
  ReceiptMessage,
  ReceiptPart,
  ReceiptRecalled,
} from '../../protocol-receipt.ts'

/** A line of a receipt, and what is below it. */
export interface ReceiptEntry {
  /** The part that it belongs to: the class of its blocks in the picture. */
  kind: 'left-out' | 'system' | 'window' | 'recalled' | 'asked' | 'format' | 'reserve'
  label: string
  /** The size of its block: tokens, but for `left-out` a number of turns. Absent if the entries below have blocks. */
  size?: number | null
  texts?: string[]
  entries?: ReceiptEntry[]
}

const reasons: Record<LeftOut['reason'], string> = {
  token_budget: 'beyond the token budget',
  max_turns: 'beyond CONTEXT_MAX_TURNS',
  window_starts_later: 'they fit, but the window begins later, so that a prompt cache can hold it',
  not_relevant: 'older than the window, and too few words of the message in them',
  recall_full: 'recall found them, but RECALL_TOKENS had no room',
  older_than_window: 'older than the window, and not recalled',
  failed: 'failed',
  superseded: 'another reply took its place',
  running: 'still being written',
}

/** Tells a person what a receipt has: first what is left out, then the parts in the order of the prompt. */
export function receiptEntries(receipt: Receipt): ReceiptEntry[] {
  const { parts, left_out, tokens, budget, window, words } = receipt
  const turns = partsOf(parts, 'turn')
  const recalled = partsOf(parts, 'recalled')[0]
  const asked = partsOf(parts, 'message')[0]!
  const continued = partsOf(parts, 'continued')[0]
  const entries: (ReceiptEntry | false | undefined)[] = [
    left_out.length > 0 && {
      kind: 'left-out',
      label: `Left out: ${turnsOf(left_out.reduce((sum, range) => sum + range.turns, 0))} (grey, not to scale)`,
      entries: left_out.map(leftOutEntry),
    },
    {
      kind: 'system',
      label: `System prompt: ${tokens.system === null ? 'not recorded' : tokensOf(tokens.system)}`,
      size: tokens.system,
      texts: ['A receipt does not show its words: they are the owner’s.'],
    },
    {
      kind: 'window',
      label: `Window: ${turnsOf(window.turns)} from message ${window.from_seq} on, ${tokensOf(tokens.turns)}`,
      entries: turns.map(turnEntry),
    },
    (recalled ?? words) && {
      kind: 'recalled',
      label: recalled
        ? `Recalled: ${turnsOf(recalled.turns.length + (recalled.elsewhere ?? 0))}, ${tokensOf(recalled.tokens)}`
        : 'Recalled: nothing',
      size: recalled?.tokens ?? null,
      texts: [
        ...(words ? [`Words looked for: ${words.join(', ') || 'none'}`] : []),
        ...(recalled?.elsewhere
          ? [`From other conversations: ${turnsOf(recalled.elsewhere)}`]
          : []),
      ],
      entries: recalled?.turns.map(recalledEntry) ?? [],
    },
    {
      kind: 'asked',
      label: `Message: ${tokensOf(asked.tokens)}`,
      size: asked.tokens,
      texts: asked.messages.flatMap(textsOf),
    },
    continued && {
      kind: 'asked',
      label: `Reply so far, and the request to continue it: ${tokensOf(continued.tokens)}`,
      size: continued.tokens,
      texts: continued.messages?.flatMap(textsOf) ?? ['This receipt has no room for the words.'],
    },
    {
      kind: 'format',
      label: `Chat format: ${tokensOf(tokens.overhead)}`,
      size: tokens.overhead,
      texts: ['What the model’s format adds to the parts.'],
    },
    budget && {
      kind: 'reserve',
      label: `Reserve for the reply: ${tokensOf(budget.reply)}`,
      size: budget.reply,
      texts: [`Of the budget of ${tokensOf(budget.total)}, ${tokensOf(budget.left)} are free.`],
    },
  ]
  return entries.filter((entry) => entry !== false && entry !== undefined)
}

/** Sentences on the size of the prompt, and on what the provider and its cache made of it. */
export function receiptFacts({
  model,
  counts,
  tokens,
  usage,
  cacheable_tokens,
}: Receipt): string[] {
  const sent = counts === 'exact' ? 'exactly' : 'at most'
  const { prompt_tokens: read, completion_tokens: written, cached_tokens: cached } = usage ?? {}
  const ofCache = cached === undefined ? '' : `, of which it had ${tokensOf(cached)} in its cache`
  return [
    `${model ?? 'The model'} was sent ${sent} ${tokensOf(tokens.total)}.`,
    read === undefined || written === undefined
      ? 'The provider’s count was not recorded.'
      : `The provider counted ${tokensOf(read)}${ofCache}, and ${tokensOf(written)} of the reply.`,
    `A prompt cache can reuse ${tokensOf(cacheable_tokens)}.`,
  ]
}

function turnEntry({ seq, reply_seq, tokens, exact, messages }: PartOf<'turn'>): ReceiptEntry {
  return {
    kind: 'window',
    label: `Messages ${seq} and ${reply_seq}: ${exact ? '' : 'at most '}${tokensOf(tokens)}`,
    size: tokens,
    texts: messages?.flatMap(textsOf) ?? ['This receipt has no room for the words.'],
  }
}

function recalledEntry(turn: ReceiptRecalled): ReceiptEntry {
  const { seq, created_at, because, matched, cut, messages } = turn
  const before = because === 'previous_words' ? ' of the message before' : ''
  const why =
    because === 'beside' ? 'beside a turn that has the words' : `has ${matched.join(', ')}${before}`
  return {
    kind: 'recalled',
    label: `${created_at.slice(0, 10)}, message ${seq}: ${why}${cut ? ' (shortened)' : ''}`,
    texts: messages?.flatMap(textsOf) ?? ['How much of it was quoted is not recorded.'],
  }
}

function leftOutEntry({ from_seq, to_seq, turns, reason }: LeftOut): ReceiptEntry {
  const range =
    turns === 1 ? `Reply ${to_seq}` : `Replies ${from_seq} to ${to_seq}, ${turnsOf(turns)}`
  return {
    kind: 'left-out',
    label: `${range}: ${reasons[reason] ?? reason}`,
    size: turns,
  }
}

function textsOf({ role, content, context_text }: ReceiptMessage): string[] {
  const selected = context_text === undefined ? [] : [`Selected on the page: ${context_text}`]
  return [...selected, `${role === 'user' ? 'Visitor' : 'Assistant'}: ${content}`]
}

type PartOf<Name extends ReceiptPart['part']> = Extract<ReceiptPart, { part: Name }>

function partsOf<Name extends ReceiptPart['part']>(parts: ReceiptPart[], name: Name) {
  return parts.filter((each): each is PartOf<Name> => each.part === name)
}

function tokensOf(count: number): string {
  return `${count.toLocaleString('en')} token${count === 1 ? '' : 's'}`
}

function turnsOf(count: number): string {
  return `${count.toLocaleString('en')} turn${count === 1 ? '' : 's'}`
}
