import type { Example } from './example/write-example.ts'

export interface Places {
  origin: string
  /** Its name and host; undefined for the offline model. */
  model: string | undefined
  /** The place of the messages. */
  history: string
  /** The file for settings. */
  vars: string
  /** Whether --example could be given. */
  takesExample: boolean
  /** Undefined if it was not given. */
  example: (Example & { token: string }) | undefined
}

/** The text that a developer sees once everything runs: where things are and what to type. */
export function welcome(places: Places): string {
  const { origin, model, history, vars, example } = places
  const host = withoutScheme(origin)
  const offline = `offline: no language model, but it shows the memory (for a real one put OPENAI_API_KEY into ${vars})`
  const hint = `
  To see how it remembers a long conversation, start it with one:
    npm run dev -- --example
`
  return `
  Page     ${origin}
  Model    ${model ?? offline}
  History  ${history}

  Talk to it, here or on the page:
    ${curlLine(`${host}/v1/chat`, { message: 'My name is Ada.' })}
${example ? exampleLines(origin, example) : places.takesExample ? hint : ''}
  Ctrl-C stops it; the history stays.
`
}

function exampleLines(
  origin: string,
  { token, sessionId, turns }: NonNullable<Places['example']>,
): string {
  const message = "What is my dog's name?"
  const host = withoutScheme(origin)
  const session = variable('SESSION')
  const ask = { session_id: session, history_limit: 0, message }
  return `
  Example  a conversation of ${turns} turns. Ask about its beginning, which the model is no longer sent:
    ${variables({ TOKEN: token, SESSION: sessionId }).join('\n    ')}
    ${curlLine(`${host}/v1/chat`, ask, variable('TOKEN'))}

  Or ask: Where do I live? What is my order number? What am I allergic to?
  ${isWindows ? 'What' : 'What of the old turns'} the model is sent with such a message, and why:
    ${curlLine(`${host}/v1/sessions/${session}/context`, { message }, variable('TOKEN'))}${isWindows ? '' : recalledOnly}
  The conversation on the page, with a tool that shows what the model was sent for each reply:
    ${origin}/#token=${token}&session=${sessionId}
`
}

function withoutScheme(origin: string): string {
  return origin.replace('http://', '')
}

/** Without the turns of the window, which fill a screen. */
const recalledOnly = ` | grep -o '{"part":"recalled".*'`

const isWindows = process.platform === 'win32'

function variables(values: Record<string, string>): string[] {
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}`)
  return isWindows ? lines.map((line) => `set ${line}`) : [lines.join(' ')]
}

function variable(name: string): string {
  return isWindows ? `%${name}%` : `$${name}`
}

function curlLine(url: string, body: object, token?: string): string {
  return [
    `curl -s ${url}`,
    ...(token === undefined ? [] : [`-H ${quote(`authorization: Bearer ${token}`)}`]),
    `-H ${quote('content-type: application/json')}`,
    `-d ${quote(JSON.stringify(body))}`,
  ].join(' ')
}

/** The command prompt of Windows knows no single quotes. In those of a shell, no variable gets its value. */
function quote(text: string): string {
  return isWindows || /[$']/.test(text) ? `"${text.replaceAll('"', String.raw`\"`)}"` : `'${text}'`
}
