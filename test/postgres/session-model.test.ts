import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { newVisitor } from '../rigs/client.ts'
import { testDatabase } from '../rigs/conversation.ts'
import { useRig } from '../rigs/start-rig.ts'
import { visitorIdOf } from '../rigs/visitor-id.ts'
import { commandArbitraries } from './session-model/commands.ts'
import { endHeld } from './session-model/turns.ts'
import { limits, newWorld, type Real } from './session-model/world.ts'

/** Only a command expires a lease, and the Worker gives up on the model soon. */
const settings = {
  CONTEXT_TOKEN_BUDGET: String(limits.budget),
  MAX_COMPLETION_TOKENS: String(limits.completionTokens),
  CONTEXT_MAX_TURNS: String(limits.maxTurns),
  TURN_LEASE_MS: '60000',
  MODEL_FIRST_TOKEN_TIMEOUT_MS: '1000',
  MODEL_IDLE_TIMEOUT_MS: '1000',
}
/** On any machine, however slow. */
const minSequences = 25
/** SESSION_MODEL_SECONDS=600 runs it longer. A failure names the seed and the path that repeat it. */
const timeMs = 1_000 * Number(process.env['SESSION_MODEL_SECONDS'] ?? 20)
const shrinkingMs = 60_000

const { rig } = useRig(settings)

async function newReal(): Promise<Real> {
  rig.database.clear()
  rig.model.clear()
  const visitor = await newVisitor(rig.url)
  const userId = visitorIdOf(visitor.token ?? '')
  return { rig, db: testDatabase(), visitor, userId, held: undefined }
}

test(
  'a session behaves as its simple model, whatever is done with it and whatever fails',
  async () => {
    const endsAt = performance.now() + timeMs
    let hasFailed = false
    let sequences = 0
    const commands = fc.commands(commandArbitraries, { maxCommands: 30, size: 'max' })
    const property = fc.asyncProperty(commands, async (sequence) => {
      // After the time limit, only a failure is still shrunk.
      if (!hasFailed && sequences >= minSequences && performance.now() > endsAt) return
      sequences += 1
      const real = await newReal()
      try {
        await fc.asyncModelRun(() => ({ model: newWorld(), real }), sequence)
        await endHeld(real)
      } catch (error) {
        hasFailed = true
        await real.held?.leave()
        throw error
      }
    })
    await fc.assert(property, {
      // More than the time allows.
      numRuns: timeMs / 100,
      timeout: 20_000,
      plugins: [fc.interruptAfterTimeLimit(timeMs + shrinkingMs)],
    })
    console.log(`${sequences} sequences`)
    expect(sequences).toBeGreaterThanOrEqual(minSequences)
  },
  timeMs + shrinkingMs + 30_000,
)
