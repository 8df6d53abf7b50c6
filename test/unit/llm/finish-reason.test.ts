import { expect, test } from 'vitest'
import { readFinishReason } from '../../../src/llm/finish-reason.ts'

test.each([
  ['stop', 'stop'],
  ['STOP', 'stop'],
  ['end_turn', 'stop'],
  ['eos_token', 'stop'],
  ['COMPLETE', 'stop'],
  ['stop_sequence', 'stop'],
  ['FINISH_REASON_STOP', 'stop'],
  ['MAX_TOKENS', 'length'],
  ['max_tokens', 'length'],
  ['model_length', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['SAFETY', 'content_filter'],
  ['content-filter', 'content_filter'],
  ['PROHIBITED_CONTENT', 'content_filter'],
  ['sensitive', 'content_filter'],
  ['refusal', 'content_filter'],
  ['tool_use', 'tool_calls'],
  ['tool-calls', 'tool_calls'],
  ['function_call', 'function_call'],
])('%s leaves the reply whole, as %s', (said, word) => {
  expect(readFinishReason(said)).toEqual({ kind: 'regular', word })
})

test.each([
  'error',
  'ERROR',
  'abort',
  'aborted',
  'cancelled',
  'canceled',
  'network_error',
  'network error',

  'timeout',
  'insufficient_system_resource',
  'MALFORMED_FUNCTION_CALL',
  'Failed',
  'USER_CANCEL',
  'generation_error',
  'UnhandledException',
  'request-timed-out',
])('%s breaks the reply off', (said) => {
  expect(readFinishReason(said).kind).toBe('broken')
})

test('an unknown word stays as it is, up to a bound', () => {
  expect(readFinishReason('Wholly New')).toEqual({ kind: 'unknown', word: 'Wholly New' })
  expect(readFinishReason('x'.repeat(10_000)).word).toBe('x'.repeat(100))
  expect(readFinishReason('toString').kind).toBe('unknown')
})
