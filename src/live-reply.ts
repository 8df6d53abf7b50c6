import { DurableObject } from 'cloudflare:workers'
import type { Deps } from './deps.ts'
import { createLiveReply } from './http/live/live-reply.ts'

/**
 * The class of the binding `LIVE_REPLIES`: one object for each reply, named by the reply's id. It uses neither storage nor
 * alarms, either of which would end it at once when the platform shuts it down, without the time to end its reply.
 */
export function createLiveReplyClass(depsOf: (bindings: object) => Deps) {
  return class LiveReply extends DurableObject<object> {
    readonly #reply = createLiveReply(
      () => depsOf(this.env),
      (work) => this.ctx.waitUntil(work),
    )

    override fetch(request: Request): Promise<Response> {
      return this.#reply.fetch(request)
    }
  }
}
