import { parseArgs } from 'node:util'
import { DevError } from './dev-error.ts'

export const usage = `Usage: npm run dev [-- <option>…]

Serves the page and the API on http://localhost:8787, with an embedded Postgres and an offline model. It reads the
settings of wrangler.toml and .dev.vars. A DATABASE_URL there replaces the embedded Postgres; an OPENAI_API_KEY or an
OPENAI_BASE_URL replaces the offline model.

  --port N       the port to listen on, 0 for any free one; default is PORT of the environment, else 8787
  --data FOLDER  where the embedded Postgres keeps its files; default .data
  --vars FILE    a file to use instead of .dev.vars
  --example      writes a long conversation into the embedded Postgres, once, and shows what to ask about its beginning
  --help         show this`

export interface DevOptions {
  port: number
  data: string
  vars: string
  example: boolean
}

/** @throws DevError */
export function parseOptions(args: string[]): DevOptions | 'help' {
  try {
    const { values } = parseArgs({
      args,
      options: {
        port: { type: 'string', default: process.env['PORT'] || '8787' },
        data: { type: 'string', default: '.data' },
        vars: { type: 'string', default: '.dev.vars' },
        example: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
    })
    const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : Infinity
    if (port > 65_535) throw new DevError(`${values.port} is not a port: give one from 1 to 65535`)
    return values.help ? 'help' : { ...values, port }
  } catch (error) {
    if (error instanceof DevError) throw error
    throw new DevError(`${(error as Error).message}\nTry: npm run dev -- --help`)
  }
}
