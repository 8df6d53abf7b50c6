import { Hono } from 'hono'
import { attempt } from '../../db/attempt.ts'
import { exportPage } from '../../db/export-page.ts'
import { describeFault, Problem } from '../../errors.ts'
import { databaseCalls } from '../../limits.ts'
import { type ExportLine, ExportQuery } from '../../protocol.ts'
import type { AppEnv } from '../app-env.ts'
import { decodeProgress, exportBeginning, pageLines } from '../export-lines.ts'
import { needsUser } from '../middleware/identity.ts'
import { queryString } from '../validate.ts'

/** After these calls no further page is begun, because its read may take two. */
const maxCalls = databaseCalls.perRequest - 1

/**
 * Exports all data of the user as JSON Lines, a page at a time and no faster than the client reads. It reads the first
 * page before the answer begins, so that a failure there still has a status.
 */
export const exported = new Hono<AppEnv>().get(
  '/',
  needsUser,
  queryString(ExportQuery),
  async (c) => {
    const { cursor } = c.req.valid('query')
    const { db } = c.get('deps')
    const userId = c.get('userId')
    const requestId = c.get('requestId')
    // After the answer has begun, no client waits for a status: each attempt may take the whole time.
    const patience = { attempts: 2, timeoutMs: 2 * db.timeoutMs, pauseMs: 250 }
    const beginning = cursor === undefined ? exportBeginning : decodeProgress(cursor)
    const first = await exportPage(db, userId, beginning.after)

    async function* pages(): AsyncGenerator<ExportLine[], void> {
      let page = pageLines(beginning, first)
      let calls = 1
      for (;;) {
        yield page.lines
        if (page.next === undefined || calls >= maxCalls) return
        const progress = page.next
        const readPage = (timeoutMs: number) => {
          calls += 1
          return exportPage(db, userId, progress.after, { timeoutMs })
        }
        try {
          page = pageLines(progress, await attempt(readPage, patience))
        } catch (error) {
          yield [failure(error, requestId)]
          return
        }
      }
    }

    return c.body(pulled(pages()), 200, {
      'content-type': 'application/x-ndjson; charset=utf-8',
      'content-disposition': 'attachment; filename="chat-history.jsonl"',
      'cache-control': 'no-store, no-transform',
    })
  },
)

/** The last line if the database failed twice: the status has been sent by then. Logs the failure too. */
function failure(error: unknown, requestId: string): ExportLine {
  const problem = error instanceof Problem ? error : new Problem('internal_error', { cause: error })
  const { code } = problem
  console.log(JSON.stringify({ request_id: requestId, code, fault: describeFault(error) }))
  return { type: 'error', ...problem.toJSON(), request_id: requestId }
}

/** Reads a page only when the client has taken the previous one. A client that disconnects ends the reading. */
function pulled(pages: AsyncGenerator<ExportLine[], void>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await pages.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value.map(textOf).join('')))
      },
    },
    { highWaterMark: 0 },
  )
}

/** Escapes Unicode's line breaks: JSON need not, but some readers of JSON Lines end a line there. */
function textOf(line: ExportLine): string {
  const escaped = (character: string) =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return `${JSON.stringify(line).replace(/[\u0085\u2028\u2029]/g, escaped)}\n`
}
