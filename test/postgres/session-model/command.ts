import * as fc from 'fast-check'
import { runningTurn } from './session.ts'
import type { Real, World } from './world.ts'

export type Command = fc.AsyncCommand<World, Real>

/** A command that a report shows by its name and its input. */
export function command(
  name: string,
  given: object,
  run: (world: World, real: Real) => Promise<unknown>,
  check: (world: World) => boolean = () => true,
): Command {
  return {
    check,
    run: async (world, real) => void (await run(world, real)),
    toString: () => `${name}(${JSON.stringify(given)})`,
  }
}

export const which = fc.nat(30)
export const hasTurns = ({ session }: World) => session !== undefined
export const isIdle = ({ session }: World) => runningTurn(session) === undefined
export const isRunning = (world: World) => !isIdle(world)

export function pick<Item>(items: readonly Item[] | undefined, index: number): Item {
  return items?.[index % items.length] as Item
}
