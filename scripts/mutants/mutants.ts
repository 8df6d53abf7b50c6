/** A small wrong change to the code, and the test files that must fail with it. */
export interface Mutant {
  /** The bug, as a report would describe it. */
  bug: string
  file: string
  /** Must occur exactly once in the file. */
  from: string
  to: string
  project: 'unit' | 'http'
  tests: string[]
}

const begin = 'migrations/0004_begin_turn.sql'
const finish = 'migrations/0005_finish_turn.sql'
/** The newest file that defines these functions: a change of an older one has no effect. */
const latest = 'migrations/0007_turns_without_a_reply.sql'
const turns = { project: 'http' as const, tests: ['test/db/turns.test.ts'] }
const window = { project: 'http' as const, tests: ['test/db/window.test.ts'] }
const spending = { project: 'http' as const, tests: ['test/db/spending.test.ts'] }

/**
 * Changes that the tests once let through, or caught by chance alone, and others of their kind. Add one whenever a bug
 * passes the tests.
 */
export const mutants: readonly Mutant[] = [
  {
    bug: 'a retry of a failed reply keeps its stop, so every later try is cut off',
    file: latest,
    from: 'lease_expires_at = expires, stop_requested = false, rating = null',
    to: 'lease_expires_at = expires, rating = null',
    ...turns,
  },
  {
    bug: 'a retry of a failed reply keeps its finish_reason, so a try that dies counts as complete',
    file: latest,
    from: 'finish_reason = null, error_code = null, model = null, prompt_tokens = null',
    to: 'error_code = null, model = null, prompt_tokens = null',
    ...turns,
  },
  {
    bug: "a stranger's turn settles an expired lease, so the owner's late finish is lost",
    file: latest,
    from: 'and exists (select from sessions where id = t.session_id and user_id = t.user_id)',
    to: '',
    ...turns,
  },
  {
    bug: 'a late checkpoint writes to a finished reply',
    file: latest,
    from: "where session_id = t.session_id and id = t.reply_id and status = 'streaming' and lease = t.lease\n  returning",
    to: 'where session_id = t.session_id and id = t.reply_id and lease = t.lease\n  returning',
    ...turns,
  },
  {
    bug: 'a session keeps its place in the list when it goes on',
    file: latest,
    from: 'update sessions set next_seq = reply_seq + 1, title = coalesce(title, t.title), last_message_at = at\n',
    to: 'update sessions set next_seq = reply_seq + 1, title = coalesce(title, t.title)\n',
    ...turns,
  },
  {
    bug: 'token counts that were reported under another model are taken as exact',
    file: begin,
    from: 'case when m.counted_by = for_counted_by then m.turn_tokens else m.turn_tokens_bound end',
    to: 'm.turn_tokens',
    ...window,
  },
  {
    bug: 'exact counts ignore what left the window',
    file: finish,
    from: '- t.overhead_tokens + dropped.tokens',
    to: '- t.overhead_tokens',
    ...window,
  },
  {
    bug: 'exact counts are taken from a prompt that held recalled turns',
    file: finish,
    from: 'and previous.recalled_tokens = 0 and t.recalled_tokens = 0',
    to: '',
    ...window,
  },
  {
    bug: "a provider's nonsense becomes an exact count",
    file: finish,
    from: 'case when reported between 1 and t.message_bytes then reported end',
    to: 'reported',
    ...window,
  },
  {
    bug: "the site's cap does not admit its last token",
    file: begin,
    from: 'where spending.tokens + excluded.tokens <= payer.max_tokens',
    to: 'where spending.tokens + excluded.tokens < payer.max_tokens',
    project: 'http',
    tests: ['test/http/daily-caps.test.ts', ...spending.tests],
  },
  {
    bug: 'a finish that is repeated refunds twice',
    file: latest,
    from: "and status = 'streaming' and lease = t.lease;\n  is_mine := found;",
    to: 'and lease = t.lease;\n  is_mine := found;',
    ...spending,
  },
  {
    bug: 'a begin that was abandoned runs when it arrives',
    file: latest,
    from: 'if exists (select from ended_leases where lease = t.lease) then',
    to: 'if false then',
    ...turns,
  },
  {
    bug: 'a regeneration without text takes the old reply away',
    file: latest,
    from: "if t.content <> '' then\n      perform turn_supersede",
    to: 'if true then\n      perform turn_supersede',
    ...turns,
  },
  {
    bug: 'a turn that was erased settles its debit at each finish',
    file: latest,
    from: 'update ended_leases set debited_tokens = 0 where lease = t.lease;',
    to: '',
    ...spending,
  },
  {
    bug: 'a turn is debited without its window',
    file: latest,
    from: 'turn_charge(t, t.max_tokens + window_tokens, today)',
    to: 'turn_charge(t, t.max_tokens, today)',
    ...spending,
  },
  {
    bug: 'a bare CR or U+2028 ends a quotation',
    file: 'src/turn/prompt/render.ts',
    from: String.raw`/\r\n|[\r\n\u2028\u2029]/`,
    to: String.raw`/\r?\n/`,
    project: 'unit',
    tests: ['test/unit/turn/parts.test.ts'],
  },
  {
    bug: "reasoning that is not reported is counted as the reply's tokens",
    file: 'src/turn/ended-turn.ts',
    from: 'tokens > 0 && tokens <= byteLength(content)',
    to: 'tokens > 0',
    project: 'unit',
    tests: ['test/unit/turn/ended-turn.test.ts'],
  },
  {
    bug: "a provider's nonsense usage uses up everybody's day",
    file: 'src/turn/ended-turn.ts',
    from: 'Math.min(usage.promptTokens, mostTimesOwnCount * bound)',
    to: 'usage.promptTokens',
    project: 'unit',
    tests: ['test/unit/turn/ended-turn.test.ts'],
  },
  {
    bug: 'a stream that ended without a finish reason is complete',
    file: 'src/turn/ended-turn.ts',
    from: "finishReason === undefined ? 'interrupted' : 'complete'",
    to: "'complete'",
    project: 'unit',
    tests: ['test/unit/turn/ended-turn.test.ts'],
  },
  {
    bug: 'any error of the model is followed by a second call',
    file: 'src/turn/read-completion.ts',
    from: "error instanceof Problem && error.code === 'model_context_exceeded'",
    to: 'error instanceof Problem',
    project: 'http',
    tests: ['test/http/context-too-long.test.ts', 'test/http/model-faults.test.ts'],
  },
  {
    bug: 'a turn that lost its lease goes on paying',
    file: 'src/turn/checkpoints.ts',
    from: "if (answer === 'lost')",
    to: "if (answer === 'never')",
    project: 'http',
    tests: ['test/http/lost-lease.test.ts'],
  },
  {
    bug: 'a frame without a chunk ends a reply',
    file: 'src/llm/completion-part.ts',
    from: "if (!said.startsWith('{')) return undefined",
    to: '',
    project: 'unit',
    tests: ['test/unit/llm/openai.test.ts'],
  },
  {
    bug: 'half a sentence with finish_reason error is complete',
    file: 'src/llm/finish-reason.ts',
    from: "{ kind: 'broken', word }",
    to: "{ kind: 'regular', word }",
    project: 'unit',
    tests: ['test/unit/llm/odd-answers.test.ts'],
  },
  {
    bug: 'an unknown finish_reason is complete, whatever follows it',
    file: 'src/llm/reply.ts',
    from: "if (ending.kind === 'regular')",
    to: "if (ending.kind !== 'broken')",
    project: 'unit',
    tests: ['test/unit/llm/odd-answers.test.ts'],
  },
  {
    bug: 'a limit on tokens per minute is followed by a second call with a shorter window',
    file: 'src/llm/model-fault.ts',
    from: 'if (isRateLimited(status, error))',
    to: 'if (status === 429)',
    project: 'unit',
    tests: ['test/unit/llm/odd-answers.test.ts'],
  },
  {
    bug: 'a reader that stops early leaves the connection to the model open',
    file: 'src/llm/read-body.ts',
    from: '    cancel()\n  }\n}',
    to: '  }\n}',
    project: 'unit',
    tests: ['test/unit/llm/openai-deadlines.test.ts'],
  },
  {
    bug: 'a reply that mentions </think> in code is taken back',
    file: 'src/llm/unopened.ts',
    from: '!isInCode(before)',
    to: 'true',
    project: 'unit',
    tests: ['test/unit/llm/thinking.test.ts'],
  },
  {
    bug: 'thinking that the provider does not report apart counts as tokens of the reply',
    file: 'src/turn/ended-turn.ts',
    from: '(thinkingBytes > 0 && usage.reasoningTokens === 0)',
    to: 'false',
    project: 'unit',
    tests: ['test/unit/turn/ended-turn.test.ts'],
  },
  {
    bug: 'a watcher of a text that was taken back misses the beginning of the next one',
    file: 'src/turn/watch.ts',
    from: '        place = 0\n',
    to: '',
    project: 'unit',
    tests: ['test/unit/turn/watch.test.ts'],
  },
  {
    bug: 'a deadlock is answered with 500',
    file: 'src/db/database-fault.ts',
    from: '/^(08|53|57P|58|40)/',
    to: '/^(08|53|57P|58)/',
    project: 'http',
    tests: ['test/http/database-faults.test.ts'],
  },
  {
    bug: 'spending is pruned a day early',
    file: 'src/db/erasure/prune-spending.ts',
    from: 'shortDays + 1',
    to: 'shortDays',
    project: 'http',
    tests: ['test/http/retention.test.ts'],
  },
  {
    bug: 'a receipt shows the turns after its reply',
    file: 'src/db/turns/reply-context.ts',
    from: 'and turn.seq < reply.reply_to',
    to: '',
    project: 'http',
    tests: ['test/http/context.test.ts'],
  },
  {
    bug: 'the widget waits for ever for a server that never answers',
    file: 'src/widget/client/api-call.ts',
    from: 'const timer = setTimeout(() => silence.abort(), silenceMs)',
    to: 'const timer = undefined',
    project: 'unit',
    tests: ['test/unit/widget/client/silence.test.ts'],
  },
  {
    bug: 'a stream has a timer for each piece of text',
    file: 'src/turn/watch.ts',
    from: '        place += text.length\n',
    to: '        place += text.length\n        await new Promise((resolve) => setTimeout(resolve))\n',
    project: 'unit',
    tests: ['test/unit/turn/watch.test.ts'],
  },
]
