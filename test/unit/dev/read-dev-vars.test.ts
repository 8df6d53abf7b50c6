import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { unstable_getVarsForDev as getVarsForDev } from 'wrangler'
import { readDevVars } from '../../../scripts/dev/read-dev-vars.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vars-'))
  await writeFile(join(folder, 'wrangler.toml'), 'name = "test"')
})
afterAll(() => rm(folder, { recursive: true }))

async function read(content: string | Uint8Array) {
  const file = join(folder, '.dev.vars')
  await writeFile(file, content)
  return readDevVars(file)
}

const text = 'FIRST=1\nSECOND=two'
const both = { FIRST: '1', SECOND: 'two' }

function utf16be(content: string): Buffer {
  return Buffer.from(content, 'utf16le').swap16()
}

describe('the encoding of .dev.vars', () => {
  test('a mark at its beginning is no part of the first name', async () => {
    expect(await read(`\uFEFF${text}`)).toEqual(both)
    expect(await read(`\uFEFF# a comment\r\n${text}`)).toEqual(both)
    expect(await read('\uFEFF')).toEqual({})
  })

  test.each([
    ['little endian, with a mark', Buffer.from(`\uFEFF${text}`, 'utf16le')],
    ['little endian', Buffer.from(text, 'utf16le')],
    ['big endian, with a mark', utf16be(`\uFEFF${text}`)],
    ['big endian', utf16be(text)],
  ])('UTF-16 is refused, with the remedy: %s', async (_, bytes) => {
    await expect(read(bytes)).rejects.toThrow('.dev.vars is in UTF-16. Save it as UTF-8.')
  })

  test('another encoding is refused, so that no letter is replaced unseen', async () => {
    await expect(read(Buffer.from('A=café', 'latin1'))).rejects.toThrow('is not in UTF-8')
    expect(await read('A=café')).toEqual({ A: 'café' })
  })

  test('npm run migrate reads the file in the same way', async () => {
    const url = 'DATABASE_URL=postgres://u@localhost:1/db'
    await writeFile(join(folder, '.dev.vars'), `\uFEFF${url}`)
    expect(await migrate()).toContain('could not connect to localhost:1')
    await writeFile(join(folder, '.dev.vars'), Buffer.from(url, 'utf16le'))
    expect(await migrate()).toBe('migrate: .dev.vars is in UTF-16. Save it as UTF-8.\n')
  })
})

/** The output of the command when it fails, with the file of this test. */
async function migrate(): Promise<string> {
  const script = join(import.meta.dirname, '../../../scripts/migrate.ts')
  const env = { PATH: process.env['PATH'] }
  const failure = await promisify(execFile)(process.execPath, [script], { cwd: folder, env }).catch(
    (error: unknown) => error,
  )
  expect(failure).toMatchObject({ code: 1 })
  return (failure as { stderr: string }).stderr
}

describe('wrangler and this project read the same from', () => {
  test.each([
    ['a mark at the beginning', `\uFEFF${text}`],
    ['line ends of Windows', 'A=1\r\nB=2\r\n'],
    ['quotes', `A="x y"\nB='x $y'\nC=\`x\`\nD=x"y"z\nE="x "\nF="x\nB=2`],
    ['escapes', `A="x\\ny"\nB='x\\ny'\nC=x\\ny`],
    ['several lines in quotes', 'A="x\ny"\nB=2'],
    ['several lines in quotes, of Windows', 'A="x\r\ny"\r\nB=2\r\n'],
    ['export', 'export A=1\nexport B="2"'],
    ['comments', '# c\nA=1 # c\nB=x#y\nC="x#y" # c\n  # D=1'],
    ['spaces', ' A = 1 \nB=\t2\t\n\n\n C=3'],
    ['dollar signs', 'B=2\nA=sk-$B'],
    ['equals signs', 'A=x=y==\nB=2'],
    ['a name without a value', 'A\nB=\nC=2'],
    ['a name given twice', 'A=1\nA=2'],
    ['letters of any alphabet', 'A=é“密'],
  ])('%s', async (_, content) => {
    const ours = await read(content)
    const vars = getVarsForDev(join(folder, 'wrangler.toml'), undefined, {}, undefined, true)
    const theirs = Object.entries(vars).map(([name, { value }]) => [name, String(value)] as const)
    const given = theirs.filter(([, value]) => value.trim() !== '')
    expect(ours).toEqual(Object.fromEntries(given))
    expect(Object.keys(ours)).not.toEqual([])
  })
})
