/** How a reply may end, and the code of a reply that failed. */
type End =
  | { status: 'complete'; calls?: number }
  | { status: 'interrupted'; calls?: number }
  | { status: 'failed'; code: string; calls?: number }

const complete: End = { status: 'complete' }
const interrupted: End = { status: 'interrupted' }
const failed = (code: string): End => ({ status: 'failed', code })
const unavailable = failed('model_unavailable')

/** The faults of the offline model, and how the reply may end: mostly in one way. */
export const modelFaults = {
  'status=500': [unavailable],
  'status=401': [unavailable],
  'status=429 retry-after=1': [failed('model_rate_limited')],
  html: [unavailable],
  refused: [unavailable],
  empty: [failed('model_empty_reply')],
  'end after=0': [unavailable],
  'end after=2': [interrupted],
  // The text on its way when the connection broke may be lost.
  'cut after=2': [interrupted, unavailable],
  'error-chunk after=2': [interrupted],
  'nonsense after=2': [interrupted],
  'no-finish': [interrupted],
  'no-usage': [complete],
  'cr-only': [complete],
  'empty-deltas': [complete],
  'one-chunk': [complete],
  'pace ms=2': [complete],
  // A second call is made only if there was a window to shorten.
  'context-length': [
    { ...complete, calls: 2 },
    { ...failed('model_context_exceeded'), calls: 1 },
    { ...failed('model_context_exceeded'), calls: 2 },
  ],
  // These wait for a deadline or for the model.
  'stall after=1': [interrupted],
  silent: [failed('model_timeout')],
  'pace ms=300': [complete],
} satisfies Record<string, readonly End[]>

export interface ModelFault {
  name: keyof typeof modelFaults
  /** Each call meets it, not only the first. */
  isLasting: boolean
}

export const slowFaults: ModelFault['name'][] = ['stall after=1', 'silent', 'pace ms=300']
