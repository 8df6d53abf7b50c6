/**
 * A module whose class does this in place of the real one's `fetch`, for `startWorkerd`.
 * @param code JavaScript with `message` (what was asked), `pass()` (what the real object answers) and `request`
 */
export function faultyObjects(code: string): string {
  return `import { LiveReply as RealReply } from './index.js'
export class LiveReply extends RealReply {
  async fetch(request) {
    const pass = (changed = request) => super.fetch(changed)
    const message = await request.clone().json()
    ${code}
  }
}`
}

/** Objects that a test can evict by the message `evict`: all that they hold is lost at once, as when the platform does it. */
export const evictableObjects = faultyObjects(`
    if (message.kind === 'evict') this.ctx.abort('evicted')
    return pass()`)
