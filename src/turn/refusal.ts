import { Problem } from '../errors.ts'
import type { Begun, Payer } from './turn.ts'

/** Read by people whose cap was reached. */
const capDetails: Record<Payer['kind'], string> = {
  user: 'Your messages for today are used up. There will be new ones after midnight UTC.',
  address:
    'The messages for your network are used up for today. There will be new ones after midnight UTC.',
  site: 'This chat has answered all it can today. It will be back after midnight UTC.',
}

/** Most replies end long before their lease, which the running turn renews. */
const longestWaitSeconds = 2

/** The problem that a client is sent for a turn that does not run. */
export function refusal(begun: Exclude<Begun, { verdict: 'run' | 'replay' }>): Problem {
  switch (begun.verdict) {
    case 'not_found':
      return new Problem('not_found')
    case 'mismatch':
      return new Problem('message_mismatch', {
        detail:
          'message, context_text and metadata must be those of the message that message_id names, and regenerate or continue must name a reply to it',
      })
    case 'not_last':
      return new Problem('not_last_turn')
    case 'running':
    case 'busy':
      return new Problem(begun.verdict === 'running' ? 'turn_running' : 'session_busy', {
        retryAfterSeconds: Math.min(longestWaitSeconds, wholeSeconds(begun.retryAfterMs)),
      })
    case 'ended':
      return new Problem('database_unavailable', { retryAfterSeconds: longestWaitSeconds })
    case 'capped':
      return new Problem('daily_limit_reached', {
        detail: capDetails[begun.capped],
        retryAfterSeconds: wholeSeconds(begun.retryAfterMs),
        members: { limit: begun.capped },
      })
  }
}

/** @param excessTokens how many tokens the message and its quotation are over what can fit */
export function messageTooLong(excessTokens: number): Problem {
  return new Problem('message_too_long', {
    detail: `message and context_text are about ${excessTokens} tokens too long for the context window`,
    members: { errors: [{ field: 'message', message: 'does not fit in the context window' }] },
  })
}

function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000))
}
