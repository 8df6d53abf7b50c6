export type Places = {
  origin: string
  /** Its name and place; undefined for the offline one. */
  model: string | undefined
  /** Where messages are kept. */
  history: string
  /** The file to put settings in. */
  vars: string
}

/** What a developer sees once everything runs: where things are and what to type. */
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

/** The command prompt of Windows knows no single quotes. */
function curlLine(host: string): string {
  const body = '{"message":"My name is Ada."}'
  return process.platform === 'win32'
    ? `curl -s ${host}/v1/chat -H "content-type: application/json" -d "${body.replaceAll('"', '\\"')}"`
    : `curl -s ${host}/v1/chat -H 'content-type: application/json' -d '${body}'`
}
