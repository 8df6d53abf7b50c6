export interface Places {
  origin: string
  /** Its name and host; undefined for the offline model. */
  model: string | undefined
  /** The place of the messages. */
  history: string
  /** The file for settings. */
  vars: string
}

/** The text that a developer sees once everything runs: where things are and what to type. */
export function welcome({ origin, model, history, vars }: Places): string {
  const host = origin.replace('http://', '')
  const offline = `offline: no language model, but it shows the memory (for a real one put OPENAI_API_KEY into ${vars})`
  return `
  Page     ${origin}
  Model    ${model ?? offline}
  History  ${history}

  Talk to it, here or on the page:
    ${curlLine(host)}

  Ctrl-C stops it; the history stays.
`
}

/** The command prompt of Windows does not know single quotes. */
function curlLine(host: string): string {
  const body = '{"message":"My name is Ada."}'
  return process.platform === 'win32'
    ? `curl -s ${host}/v1/chat -H "content-type: application/json" -d "${body.replaceAll('"', '\\"')}"`
    : `curl -s ${host}/v1/chat -H 'content-type: application/json' -d '${body}'`
}
