import type { GatedCall } from './database-gate.ts'
import type { GatedWorker } from './gated-worker.ts'

type Kind = GatedCall['kind']

/**
 * Holds a session's next calls of these kinds, at any Worker, and lets them pass group by group. The calls of a group pass
 * together, once all of them have come; the next group waits until they are committed.
 * @returns `came`: resolves once the call of a kind has come; `all`: resolves once all are committed
 */
export function conduct(
  workers: readonly GatedWorker[],
  sessionId: string,
  groups: readonly (readonly Kind[])[],
) {
  const steps = groups.map((kinds) =>
    kinds.map((kind) => ({
      kind,
      call: undefined as GatedCall | undefined,
      came: Promise.withResolvers<void>(),
      pass: Promise.withResolvers<void>(),
      committed: Promise.withResolvers<void>(),
    })),
  )
  const flat = steps.flat()
  for (const { gate } of workers)
    gate.at = async (call, moment) => {
      if (moment === 'asked') {
        const step = flat.find((each) => each.kind === call.kind && !each.call)
        if (!step || !call.body.includes(sessionId)) return
        step.call = call
        step.came.resolve()
        await step.pass.promise
      } else if (moment === 'committed') {
        flat.find((each) => each.call === call)?.committed.resolve()
      }
    }
  const all = (async () => {
    for (const group of steps) {
      await Promise.all(group.map(({ came }) => came.promise))
      for (const { pass } of group) pass.resolve()
      await Promise.all(group.map(({ committed }) => committed.promise))
    }
  })()
  return { came: (kind: Kind) => flat.find((step) => step.kind === kind)?.came.promise, all }
}

/** Every order of the calls one by one, and five times at once. */
export function rounds(...kinds: Kind[]): Kind[][][] {
  return ordersOf(kinds).flatMap((order) => [
    order.map((kind) => [kind]),
    ...Array.from({ length: 5 }, () => [order]),
  ])
}

function ordersOf<Item>(items: readonly Item[]): Item[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, index) =>
    ordersOf(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  )
}
