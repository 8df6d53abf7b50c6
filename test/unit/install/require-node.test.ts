import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'

const { scripts } = JSON.parse(await readFile('package.json', 'utf8'))

describe('a Node that does not run TypeScript', () => {
  test.each(['dev', 'build', 'migrate'])('is refused in one sentence: npm run %s', async (name) => {
    const [, ...args] = (scripts[name] as string).split(' ')
    // This flag makes the Node of the tests as ignorant as an old one.
    const old = ['--no-experimental-strip-types', ...args, '--help']
    const failure = await promisify(execFile)(process.execPath, old).catch(
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ code: 1, stdout: '' })
    const { stderr } = failure as { stderr: string }
    expect(stderr).toContain('needs Node 22.18 or later, and this is Node ')
    expect(stderr).not.toMatch(/\n {4}at /)
  })
})
