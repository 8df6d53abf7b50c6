interface Ending {
  kind: 'regular' | 'broken' | 'unknown'
  word: string
}

/**
 * The words that providers write for an end that leaves the reply whole, by OpenAI's word for it. Sources: OpenAI,
 * Anthropic, Gemini, Cohere, Mistral, Bedrock, DeepSeek, Zhipu, text-generation-inference, llama.cpp, vLLM.
 */
const regularEnds = {
  stop:
    'stop stopped stop_sequence stop_str stop_token stop_word stop_criteria end end_turn pause_turn end_of_turn ' +
    'eos eos_token eot end_of_text complete completed done finish finished success',
  length:
    'length max_length max_tokens max_new_tokens max_output_tokens max_completion_tokens max_tokens_reached ' +
    'model_length token_limit limit truncated context_length context_window_exceeded model_context_window_exceeded',
  content_filter:
    'content_filter content_filtered filtered guardrail_intervened refusal sensitive safety image_safety ' +
    'recitation blocklist prohibited_content spii language toxic error_toxic',
  tool_calls: 'tool_calls tool_call tool_use',
  function_call: 'function_call function_calls',
}

/** The words for an end that breaks the reply off. */
const brokenEnds =
  'error errored error_limit server_error internal_error internal_server_error model_error provider_error ' +
  'upstream_error network_error connection_error disconnect disconnected abort aborted cancel cancelled canceled ' +
  'user_cancel interrupted preempted timeout timed_out time_limit deadline_exceeded fail failed failure incomplete ' +
  'insufficient_system_resource resource_exhausted rate_limit rate_limit_exceeded overloaded shutdown unload ' +
  'malformed_function_call malformed_response unexpected_tool_call'

/** Whatever else the word of an unknown provider says. */
const soundsBroken = /error|exception|fail|abort|cancel|time_?out|timed_out|interrupt|disconnect/

const endings = new Map<string, Ending>([
  ...brokenEnds.split(' ').map((word): [string, Ending] => [word, { kind: 'broken', word }]),
  ...Object.entries(regularEnds).flatMap(([word, synonyms]) =>
    synonyms.split(' ').map((said): [string, Ending] => [said, { kind: 'regular', word }]),
  ),
])

/** A provider may write anything; the API repeats at most so much of it. */
const mostChars = 100

/**
 * Reads a provider's word for the end of a reply, in any case and with any separator. `regular` has OpenAI's word. If the
 * kind is `unknown`, the rest of the stream has to show what the word means.
 */
export function readFinishReason(said: string): Ending {
  const key = said
    .slice(0, mostChars)
    .trim()
    .toLowerCase()
    .replaceAll(/[\s.-]+/g, '_')
    .replace(/^(finish|stop)_?reason_/, '')
  const known = endings.get(key)
  if (known !== undefined) return known
  const fault = soundsBroken.exec(key)?.[0]
  return fault === undefined
    ? { kind: 'unknown', word: said.slice(0, mostChars) }
    : { kind: 'broken', word: fault }
}
