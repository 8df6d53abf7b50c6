import type { Mutant } from './mutant.ts'

const object = 'src/http/live/live-reply.ts'

/** Wrong changes to live replies, and to how a reply is continued. */
export const liveMutants: readonly Mutant[] = [
  {
    bug: 'a new message ends a reply that somebody watches',
    file: object,
    from: 'live.watchers > 0 &&',
    to: 'live.watchers < 0 &&',
    project: 'http',
    tests: ['test/http/live/stop-at-once.test.ts'],
  },
  {
    bug: 'a new message waits for a reply that nobody watches',
    file: object,
    from: 'live.watchers > 0 &&',
    to: 'live.watchers >= 0 &&',
    project: 'http',
    tests: ['test/http/live/stop-at-once.test.ts'],
  },
  {
    bug: 'a turn that arrives late runs beside the one that took its lease',
    file: 'src/http/live/live-message.ts',
    from: '> answerMs) return undefined',
    to: '> 1e9) return undefined',
    project: 'http',
    tests: ['test/http/live/late-messages.test.ts'],
  },
  {
    bug: 'the Worker runs a turn that its object may be running',
    file: 'src/http/answer-turn.ts',
    from: "if (answer === 'not_here') return show(",
    to: "if (typeof answer === 'string') return show(",
    project: 'http',
    tests: ['test/http/live/faulty-objects.test.ts'],
  },
  {
    bug: 'a visitor joins a running reply that a user has claimed',
    file: object,
    from: 'live.turn.userId = message.userId',
    to: 'message.userId',
    project: 'http',
    tests: ['test/http/left-sessions.test.ts'],
  },
  {
    bug: 'a join is answered under the path of another session',
    file: object,
    from: 'turn.key.sessionId === sessionId',
    to: 'sessionId !== ""',
    project: 'http',
    tests: ['test/http/live/late-messages.test.ts'],
  },
  {
    bug: 'a live join begins inside a character',
    file: 'src/turn/watch.ts',
    from: 'characterStart(progress.text, place)',
    to: 'place',
    project: 'http',
    tests: ['test/http/join.test.ts'],
  },
  {
    bug: 'a continued reply that is cut off at its seam says it twice',
    file: 'src/turn/continue/seam.ts',
    from: '(isRestart || isCut)',
    to: 'isRestart',
    project: 'unit',
    tests: ['test/unit/turn/continue'],
  },
]
