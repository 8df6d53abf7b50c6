import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { newVisitorToken, visitorIdOf } from '../../../src/auth/visitor-token.ts'

export interface ExampleVisitor {
  token: string
  userId: string
}

/**
 * The visitor of the example conversation. Its token is random and kept beside the database that it opens: one in the
 * source would be everybody's.
 * @param folder of the embedded Postgres and other data; must exist
 */
export async function exampleVisitor(folder: string): Promise<ExampleVisitor> {
  const file = join(folder, 'example-token')
  const kept = await readFile(file, 'utf8').catch(() => '')
  const token = /^vst_[\w-]{43}$/m.exec(kept)?.[0] ?? newVisitorToken()
  if (!kept.includes(token)) await writeFile(file, `${token}\n`, { mode: 0o600 })
  return { token, userId: await visitorIdOf(token) }
}
