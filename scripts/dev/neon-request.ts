import type { IncomingMessage } from 'node:http'
import * as z from 'zod'
import { paramToText, parseRequestJson, type RowFormat } from './neon-json.ts'
import { SqlError } from './sql-backend.ts'

/** Neon's limit. */
const maxRequestBytes = 10 * 1024 * 1024

/** The endpoint itself refuses a request, before or after it asked the database. */
export class RequestError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface Query {
  query: string
  params: (string | null)[]
  arrayMode?: boolean | null | undefined
}

export interface RequestOptions extends RowFormat {
  /** The statement that begins a batch. */
  begin: string
  /** The headers of the request that the answer to a batch repeats. */
  batchHeaders: Record<string, string>
}

export interface NeonRequest {
  payload: Query | { queries: Query[] }
  options: RequestOptions
  /** Of the body. */
  byteCount: number
}

/**
 * Reads a request and checks that it names the login of `connectionString`, if there is one.
 *
 * @throws RequestError if it is malformed or has the wrong password, SqlError if it names another database.
 */
export async function readNeonRequest(
  request: IncomingMessage,
  connectionString: string | undefined,
): Promise<NeonRequest> {
  const body = await readBody(request)
  const login = readLogin(request.headers['neon-connection-string'])
  const options = readOptions(request)
  const payload = readPayload(body)
  if (connectionString !== undefined) checkLogin(login, readLogin(connectionString))
  return { payload, options, byteCount: body.length }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let byteCount = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    byteCount += chunk.length
    // Read and drop the rest: a client that still writes would not see the answer.
    if (byteCount <= maxRequestBytes) chunks.push(chunk)
  }
  if (byteCount > maxRequestBytes) {
    throw new RequestError(413, `request is too large (max is ${maxRequestBytes} bytes)`)
  }
  return Buffer.concat(chunks)
}

interface Login {
  user: string
  password: string
  database: string
}

/** The messages never quote the connection string, because it contains a password. */
function readLogin(connectionString: string | string[] | undefined): Login {
  if (typeof connectionString !== 'string') {
    throw new RequestError(400, 'invalid header: neon-connection-string')
  }
  const url = URL.parse(connectionString)
  if (!url) throw new RequestError(400, 'invalid connection string: not a URL')
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') {
    throw new RequestError(400, 'incorrect scheme')
  }
  const login = {
    user: decodeUrlPart(url.username),
    password: decodeUrlPart(url.password),
    database: decodeUrlPart(url.pathname.slice(1)),
  }
  if (!login.database) throw new RequestError(400, 'invalid database name')
  if (!login.user) throw new RequestError(400, 'missing username')
  if (!login.password) {
    throw new RequestError(400, 'missing authentication credentials: required password')
  }
  if (!url.hostname) throw new RequestError(400, 'missing hostname')
  return login
}

function decodeUrlPart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new RequestError(400, 'invalid connection string: malformed percent-encoding')
  }
}

function checkLogin(given: Login, expected: Login): void {
  if (given.user !== expected.user || given.password !== expected.password) {
    throw new RequestError(400, `password authentication failed for user '${given.user}'`)
  }
  if (given.database !== expected.database) {
    throw new SqlError('connect', `database "${given.database}" does not exist`, {
      fields: { severity: 'FATAL', code: '3D000' },
    })
  }
}

const isolationLevels = new Map([
  ['ReadUncommitted', 'READ UNCOMMITTED'],
  ['ReadCommitted', 'READ COMMITTED'],
  ['RepeatableRead', 'REPEATABLE READ'],
  ['Serializable', 'SERIALIZABLE'],
])

/** A flag counts only if it is exactly `true`. An isolation level must be a known one even if it is not used. */
function readOptions({ headers }: IncomingMessage): RequestOptions {
  const isTrue = (name: string) => headers[name] === 'true'
  const begin = ['BEGIN']
  const batchHeaders: Record<string, string> = {}
  const level = headers['neon-batch-isolation-level']
  if (level !== undefined) {
    const isolation = isolationLevels.get(String(level))
    if (!isolation) throw new RequestError(400, 'invalid isolation level')
    begin.push(`ISOLATION LEVEL ${isolation}`)
    batchHeaders['neon-batch-isolation-level'] = String(level)
  }
  if (isTrue('neon-batch-read-only')) {
    begin.push('READ ONLY')
    batchHeaders['neon-batch-read-only'] = 'true'
  }
  if (isTrue('neon-batch-deferrable')) {
    begin.push('DEFERRABLE')
    batchHeaders['neon-batch-deferrable'] = 'true'
  }
  return {
    raw: isTrue('neon-raw-text-output'),
    arrayMode: isTrue('neon-array-mode'),
    begin: begin.join(' '),
    batchHeaders,
  }
}

/** The extended protocol counts parameters in 16 bits and ends a query's text at a NUL. */
const queryBody = z.object({
  query: z.string().refine((text) => !text.includes('\0'), 'string contains embedded null'),
  params: z.array(z.unknown()).max(65_535).default([]),
  arrayMode: z.boolean().nullish(),
})
const requestBody = z.union([queryBody, z.object({ queries: z.array(queryBody) })])

function readPayload(body: Buffer): Query | { queries: Query[] } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
    const payload = requestBody.parse(parseRequestJson(text))
    return 'queries' in payload ? { queries: payload.queries.map(toQuery) } : toQuery(payload)
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error)
    throw new RequestError(400, `could not parse the HTTP request body: ${reason}`)
  }
}

function toQuery(body: z.infer<typeof queryBody>): Query {
  return { ...body, params: body.params.map(paramToText) }
}
