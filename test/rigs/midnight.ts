import { setTimeout as sleep } from 'node:timers/promises'

const dayMs = 24 * 60 * 60 * 1_000
const nearMs = 50_000

/** Waits until midnight UTC has passed if it is near: it resets all caps, and a test would fail. */
export async function midnightIsOver(): Promise<void> {
  const leftMs = dayMs - (Date.now() % dayMs)
  if (leftMs < nearMs) await sleep(leftMs + 1_000)
}
