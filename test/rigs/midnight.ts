import { setTimeout as sleep } from 'node:timers/promises'

const dayMs = 24 * 60 * 60 * 1_000
const nearMs = 50_000

/** Waits for midnight UTC where it is near: then all caps begin anew, which a test would take for a fault. */
export async function midnightIsOver(): Promise<void> {
  const leftMs = dayMs - (Date.now() % dayMs)
  if (leftMs < nearMs) await sleep(leftMs + 1_000)
}
