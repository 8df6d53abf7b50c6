/** A statement as it is sent to the database. */
export interface SentStatement {
  query: string
  params?: unknown[]
}

export type TurnCall = 'begin' | 'checkpoint' | 'finish' | 'abandon'

const turnCalls: TurnCall[] = ['begin', 'checkpoint', 'finish', 'abandon']

/** Which call of a turn these statements are; undefined: none. */
export function turnCall({ statements }: { statements: readonly string[] }): TurnCall | undefined {
  return turnCalls.find((call) => statements.some((sql) => sql.includes(`"${call}_turn"`)))
}

/** The reply so far, which a checkpoint stores. */
export function checkpointText([statement]: readonly SentStatement[]): string {
  return (JSON.parse(String(statement?.params?.[0])) as { content: string }).content
}

/** The statements of a request, without the first of a transaction, which only sets the timeout of the others. */
export function statementsOf(body: Buffer): SentStatement[] {
  const parsed = JSON.parse(body.toString()) as SentStatement & { queries?: SentStatement[] }
  return parsed.queries?.slice(1) ?? [parsed]
}
