import type { Mutant } from './mutant.ts'

const begin = 'migrations/0004_begin_turn.sql'
const finish = 'migrations/0005_finish_turn.sql'
const lost = 'migrations/0007_turns_without_a_reply.sql'
const recall = 'migrations/0008_recall.sql'
/** The newest files that define most functions: a change of an older one has no effect. */
const latest = 'migrations/0009_turns_that_recall.sql'
const continuing = 'migrations/0011_continue.sql'
const turns = { project: 'http' as const, tests: ['test/db/turns.test.ts'] }
const window = { project: 'http' as const, tests: ['test/db/window.test.ts'] }
const recalling = { project: 'http' as const, tests: ['test/http/recall.test.ts'] }
const spending = { project: 'http' as const, tests: ['test/db/spending.test.ts'] }

/** Wrong changes to the functions of a turn. */
export const sqlMutants: readonly Mutant[] = [
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
    file: recall,
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
    file: continuing,
    from: "and status = 'streaming' and lease = t.lease;\n  is_mine := found;",
    to: 'and lease = t.lease;\n  is_mine := found;',
    ...spending,
  },
  {
    bug: 'a begin that was abandoned runs when it arrives',
    file: continuing,
    from: 'if exists (select from ended_leases where lease = t.lease) then',
    to: 'if false then',
    ...turns,
  },
  {
    bug: 'a regeneration without text takes the old reply away',
    file: continuing,
    from: "if t.content <> '' then\n      perform turn_supersede",
    to: 'if true then\n      perform turn_supersede',
    ...turns,
  },
  {
    bug: 'a turn that was erased settles its debit at each finish',
    file: lost,
    from: 'update ended_leases set debited_tokens = 0 where lease = t.lease;',
    to: '',
    ...spending,
  },
  {
    bug: 'a turn is debited without its window',
    file: continuing,
    from: 't.max_tokens + c.window_tokens + case',
    to: 't.max_tokens + case',
    ...spending,
  },
  {
    bug: 'what is recalled is not debited',
    file: continuing,
    from: 'then t.recall_tokens else 0 end',
    to: 'then 0 else 0 end',
    ...recalling,
  },
  {
    bug: 'a turn of the window is recalled too',
    file: recall,
    from: 'and (near.session_id <> t.session_id or m.seq < before)',
    to: '',
    ...recalling,
  },
  {
    bug: 'words that only the reply has count fully',
    file: recall,
    from: '<= m.message_terms then 2 else 1 end as halves',
    to: '<= m.message_terms then 2 else 2 end as halves',
    project: 'http',
    tests: ['test/db/recall-test-set.test.ts'],
  },
  {
    bug: "recall from other sessions reads other users' sessions",
    file: recall,
    from: 's.user_id = t.user_id and s.id',
    to: 's.id',
    project: 'http',
    tests: ['test/http/recall-privacy.test.ts'],
  },
  {
    bug: 'a quotation has the reply of another session',
    file: recall,
    from: "where m.session_id = r.session_id and m.status <> 'superseded' and m.seq = r.seq limit 1",
    to: "where m.status <> 'superseded' and m.seq = r.seq limit 1",
    ...recalling,
  },
  {
    bug: 'the window begins at another turn with each turn',
    file: recall,
    from: 'else first_value(fitting.reply_to) over (order by 2 * total >= most desc, roundness desc, fitting.reply_to) end',
    to: 'else fits_from end',
    ...window,
  },
  {
    bug: 'a superseded reply keeps its terms',
    file: latest,
    from: "set status = 'superseded', terms = null, message_terms = null",
    to: "set status = 'superseded'",
    project: 'http',
    tests: ['test/http/recall-privacy.test.ts'],
  },
  {
    bug: 'a reply that is continued and broke off again is continued again by a repeat of the request',
    file: continuing,
    from: 'utf16_length(content) <= t.continue_from',
    to: 'true',
    project: 'http',
    tests: ['test/db/continue.test.ts'],
  },
  {
    bug: 'the prompt of a continued reply is compared with another one',
    file: continuing,
    from: 'if mine.is_continued then',
    to: 'if false then',
    project: 'http',
    tests: ['test/db/continue.test.ts'],
  },
]
