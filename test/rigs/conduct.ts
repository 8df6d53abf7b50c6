import type { GatedCall } from './database-gate.ts'
import type { GatedWorker } from './gated-worker.ts'

type Kind = GatedCall['kind']

/**
 * Holds a session's next calls of these kinds, at whichever Worker. Group after group: once all of a group have come,
 * they pass at the same instant, and the next group waits until they are committed.
 * @returns what resolves once the call of a kind has come, and once all are committed
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

/** Every order one by one, and at once as often as is worth it. */
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
