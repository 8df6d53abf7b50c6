import { createApp } from './app.ts'
import { cachedDeps } from './deps-cache.ts'
import { createDeps } from './deps.ts'
import { createLiveReplyClass } from './live-reply.ts'
import { createScheduled } from './retention.ts'

const depsOf = cachedDeps(createDeps)

export default {
  fetch: createApp(depsOf).fetch,
  scheduled: createScheduled(depsOf),
} satisfies ExportedHandler<object>

export const LiveReply = createLiveReplyClass(depsOf)
