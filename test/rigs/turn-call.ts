/** A statement as it is sent to the database. */
export interface SentStatement {
  query: string
  params?: unknown[]
}

export type TurnCall = 'begin' | 'checkpoint' | 'finish'

/** What the SQL of a call holds: the name of its function, or a part of the statements that were there before it. */
const marks: Record<TurnCall, RegExp> = {
  begin: /\bbegin_turn\b|as verdict/,
  checkpoint: /\bcheckpoint_turn\b|returning stop_requested/,
  finish: /\bfinish_turn\b|with mine as/,
}

/** Which call of a turn these statements are; undefined: none. */
export function turnCall({ statements }: { statements: readonly string[] }): TurnCall | undefined {
  const kinds = Object.keys(marks) as TurnCall[]
  return kinds.find((kind) => statements.some((statement) => marks[kind].test(statement)))
}

/** The reply so far, which a checkpoint stores. */
export function checkpointText(statements: readonly SentStatement[]): string {
  const [first] = statements.find(({ query }) => marks.checkpoint.test(query))?.params ?? []
  const text = String(first)
  return text.startsWith('{"session_id"') ? (JSON.parse(text) as { content: string }).content : text
}

export function statementsOf(body: Buffer): SentStatement[] {
  const parsed = JSON.parse(body.toString()) as SentStatement & { queries?: SentStatement[] }
  return parsed.queries ?? [parsed]
}
