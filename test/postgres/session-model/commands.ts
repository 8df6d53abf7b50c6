import * as fc from 'fast-check'
import { expect } from 'vitest'
import { database, how, soundWords, words } from './arbitraries.ts'
import { type Command, command, hasTurns, isIdle, isRunning, pick, which } from './command.ts'
import { readSession } from './observe.ts'
import { join, pages, refused } from './reading-commands.ts'
import { runningTurn, type Session, type Turn } from './session.ts'
import {
  adopt,
  expire,
  finishes,
  holdTurn,
  newRequest,
  stopHeld,
  takeTurn,
  untilGivenUp,
} from './turns.ts'

/** After an erasure, the first message may be sent again and starts over. */
const turn = fc.record({ words, how, database, isAgain: fc.boolean() }).map((given) =>
  command('turn', given, async (world, real) => {
    const isAnew = given.isAgain && world.session === undefined && world.erased !== undefined
    const request = isAnew ? world.erased : await newRequest(world, real, given.words)
    if (request) await takeTurn(world, real, request, given)
  }),
)

const leavingTurn = fc.record({ words }).map((given) =>
  command('turn whose client leaves', given, async (world, real) => {
    await takeTurn(world, real, await newRequest(world, real, given.words), { how: 'leave' })
  }),
)

const turnTwice = fc.record({ words: soundWords, how }).map((given) =>
  command(
    'turn sent twice at once',
    given,
    async (world, real) => {
      const request = await newRequest(world, real, given.words)
      await takeTurn(world, real, request, { ...given, isTwice: true })
    },
    isIdle,
  ),
)

const retry = fc
  .record({ which, how, database })
  .map((given) =>
    command(
      'retry',
      given,
      (world, real) =>
        takeTurn(world, real, pick(world.session?.turns, given.which).request, given),
      hasTurns,
    ),
  )

const mismatch = fc.record({ which, how }).map((given) =>
  command(
    'same id, another message',
    given,
    (world, real) => {
      const { request } = pick(world.session?.turns, given.which)
      return takeTurn(world, real, request, { ...given, otherMessage: 'Another message' })
    },
    hasTurns,
  ),
)

const regenerate = fc
  .record({ fromEnd: fc.constantFrom(0, 0, 0, 1, 4), reply: fc.nat(3), how, database })
  .map((given) =>
    command(
      'regenerate',
      given,
      (world, real) => {
        const turns = world.session?.turns.toReversed()
        const { request, replies } = pick(turns, given.fromEnd)
        const { id } = pick(replies.toReversed(), given.reply)
        return takeTurn(world, real, request, { ...given, regenerate: id })
      },
      hasTurns,
    ),
  )

/** Any reply, most of which cannot be continued. */
const continueAny = fc
  .record({ fromEnd: fc.nat(4), reply: fc.nat(1), how, database })
  .map((given) =>
    command(
      'continue',
      given,
      (world, real) => {
        const { request, replies } = pick(world.session?.turns.toReversed(), given.fromEnd)
        const { id } = pick(replies.toReversed(), given.reply)
        return takeTurn(world, real, request, { ...given, continues: id })
      },
      hasTurns,
    ),
  )

const continueLast = fc.record({ how, database }).map((given) =>
  command(
    'continue the last reply',
    given,
    (world, real) => {
      const { request, replies } = pick(world.session?.turns.toReversed(), 0)
      return takeTurn(world, real, request, { ...given, continues: replies.at(-1)?.id })
    },
    ({ session }) => session?.turns.at(-1)?.replies.at(-1)?.status === 'interrupted',
  ),
)

const hold = fc.constant(
  command(
    'a long reply begins',
    {},
    async (world, real) => {
      const request = await newRequest(world, real, {
        text: 'Go on.',
        filler: 0,
        says: 'on and '.repeat(60),
        quotation: undefined,
        fault: { name: 'pace ms=300', isLasting: false },
      })
      await holdTurn(world, real, request)
    },
    isIdle,
  ),
)

/** Only a Worker that runs the turn can end it. */
const stop = fc.constant(
  command(
    'stop',
    {},
    async (world, real) => {
      const { id } = world.session as Session
      const ask = () => real.visitor.expect(200, 'POST', `/v1/sessions/${id}/stop`)
      expect(await ask()).toEqual({ stopped: isRunning(world) })
      if (real.held) await stopHeld(world, real)
      expect(await ask()).toEqual({ stopped: isRunning(world) })
      await adopt(world, real, world.session as Session)
    },
    hasTurns,
  ),
)

/** The turn's Worker may be dead, or may return after its turn was taken over: then it changes nothing. */
const takeOver = fc.record({ isRetry: fc.boolean(), words }).map((given) =>
  command(
    'lease runs out',
    given,
    async (world, real) => {
      const { request } = runningTurn(world.session) as Turn
      const before = finishes(real)
      if ((await expire(world, real)) === 'streaming' || !real.held) return
      const next = given.isRetry ? request : await newRequest(world, real, given.words)
      const ran = await takeTurn(world, real, next, { how: 'json' })
      await untilGivenUp(real, before + (ran ? 1 : 0))
      await adopt(world, real, world.session as Session)
    },
    isRunning,
  ),
)

/** After an erasure, the Worker of a running reply stores nothing. */
const erase = fc.constant(
  command(
    'erase',
    {},
    async (world, real) => {
      const { id, turns } = world.session as Session
      const before = finishes(real)
      await real.visitor.expect(204, 'DELETE', `/v1/sessions/${id}`)
      if (real.held) await untilGivenUp(real, before)
      await real.visitor.expect(404, 'GET', `/v1/sessions/${id}/messages`)
      await real.visitor.expect(404, 'POST', `/v1/sessions/${id}/stop`)
      expect(await readSession(real, id)).toBeUndefined()
      const first = turns[0]?.request
      world.erased = first?.body.session_id === undefined ? first : undefined
      world.session = undefined
    },
    hasTurns,
  ),
)

const weighed: [number, fc.Arbitrary<Command>][] = [
  [9, turn],
  [2, leavingTurn],
  [2, turnTwice],
  [6, retry],
  [2, mismatch],
  [5, regenerate],
  [2, continueAny],
  [9, continueLast],
  [3, hold],
  [2, stop],
  [4, takeOver],
  [2, join],
  [2, pages],
  [1, refused],
  [1, erase],
]

/** Commands are drawn evenly: a command that is listed twice comes twice as often. */
export const commandArbitraries = weighed.flatMap(([weight, arbitrary]) =>
  Array.from({ length: weight }, () => arbitrary),
)
