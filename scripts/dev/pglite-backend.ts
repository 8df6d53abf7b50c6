import { setImmediate } from 'node:timers/promises'
import { protocol } from '@electric-sql/pglite'
import type { messages, PGlite } from '@electric-sql/pglite'
import { sessionReset } from './session-reset.ts'
import { SqlError } from './sql-backend.ts'
import type { RunSql, SqlBackend, SqlResult } from './sql-backend.ts'

/**
 * Serves requests from PGlite, one after another, because it has one connection. While the endpoint runs, nothing else
 * may open a transaction on `db`. PGlite blocks the event loop of its thread while a statement runs, so no statement
 * can be cancelled. After an SQL error, Neon throws the connection away; this keeps the only one it has.
 */
export function pgliteBackend(db: PGlite): SqlBackend {
  return {
    withConnection: (use, signal) => {
      const run: RunSql = (text, params = []) => {
        signal.throwIfAborted()
        return runStatement(db, text, params)
      }
      return db.runExclusive(async () => {
        // PGlite never yields to the event loop: this turn of it lets the endpoint notice the clients that left.
        await setImmediate()
        try {
          return await use(run)
        } finally {
          await resetSession(db)
        }
      })
    },
  }
}

/** If the reset fails, PGlite itself has failed: the next request reports it. */
async function resetSession(db: PGlite): Promise<void> {
  // One simple query: the extended protocol takes a single statement.
  const request = protocol.serialize.query(`ROLLBACK;${sessionReset}`)
  await db.execProtocol(request, { throwOnError: false }).catch(() => undefined)
}

async function runStatement(
  db: PGlite,
  text: string,
  params: (string | null)[],
): Promise<SqlResult> {
  const { parse, bind, describe, execute, copyFail, sync } = protocol.serialize
  const request = Buffer.concat([
    parse({ text }),
    bind({ values: params }),
    describe({ type: 'P' }),
    execute({}),
    // COPY FROM STDIN would read past the request and end PGlite; every other statement ignores this message.
    copyFail('COPY needs a connection that can send data'),
    sync(),
  ])
  const reply = await db
    .execProtocol(request, { throwOnError: false })
    .catch((cause: unknown) => Promise.reject(new SqlError('lost', 'connection closed', { cause })))

  const rows = readRows(reply.data)
  const result: SqlResult = { fields: [], rows, command: '', rowCount: null }
  for (const message of reply.messages) {
    if (isMessage<messages.DatabaseError>(message, 'error')) {
      throw new SqlError('statement', message.message, { fields: message })
    }
    if (isMessage<messages.RowDescriptionMessage>(message, 'rowDescription')) {
      result.fields = message.fields
    } else if (isMessage<messages.CommandCompleteMessage>(message, 'commandComplete')) {
      Object.assign(result, parseCommandTag(message.text))
    }
  }
  return result
}

/** The letter of a `DataRow` message. */
const dataRow = 'D'.charCodeAt(0)

/**
 * The rows of a reply, read from its bytes: the package's own reader drops a byte order mark at the start of a cell. A
 * message is a letter, its length without the letter, and its contents (PostgreSQL, "Message Formats").
 */
function readRows(data: Uint8Array): SqlResult['rows'] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const rows: SqlResult['rows'] = []
  for (let place = 0; place < bytes.length; place += 1 + bytes.readInt32BE(place + 1))
    if (bytes[place] === dataRow) rows.push(readCells(bytes, place + 5))
  return rows
}

/** A row is the number of its cells; then, for each cell, its length in bytes (-1 for null) and its text. */
function readCells(bytes: Buffer, start: number): (string | null)[] {
  let place = start + 2
  return Array.from({ length: bytes.readInt16BE(start) }, () => {
    const length = bytes.readInt32BE(place)
    const from = place + 4
    place = from + Math.max(length, 0)
    return length < 0 ? null : bytes.toString('utf8', from, place)
  })
}

function isMessage<T extends messages.BackendMessage>(
  message: messages.BackendMessage,
  name: T['name'],
): message is T {
  return message.name === name
}

/** Such as `INSERT 0 3` (the 0 was once an OID), `UPDATE 3`, `CREATE TABLE`. */
function parseCommandTag(tag: string): { command: string; rowCount: number | null } {
  const words = tag.split(' ')
  const count = words.at(-1) ?? ''
  return { command: words[0] ?? '', rowCount: /^\d+$/u.test(count) ? Number(count) : null }
}
