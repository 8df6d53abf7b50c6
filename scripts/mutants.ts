import { spawnSync } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mutant } from './mutants/mutant.ts'
import { mutants } from './mutants/mutants.ts'

/**
 * `npm run mutants`: makes one small wrong change after another in a copy of the project, and runs the tests that must
 * fail with it. With words, only the changes whose bug contains one of them. Exits with 1 if a change goes unseen.
 */
const wanted = process.argv.slice(2)
const chosen = mutants.filter(
  ({ bug }) => wanted.length === 0 || wanted.some((word) => bug.includes(word)),
)
const copy = await mkdtemp(join(tmpdir(), 'mutants-'))
let unseen = 0
try {
  await copyProject()
  for (const mutant of chosen) {
    const isSeen = await testMutant(mutant)
    if (!isSeen) unseen += 1
    console.log(`${isSeen ? 'seen  ' : 'UNSEEN'}  ${mutant.bug}`)
  }
} finally {
  await rm(copy, { recursive: true, force: true })
}
console.log(`\n${chosen.length - unseen} passed, ${unseen} failed`)
process.exitCode = unseen === 0 ? 0 : 1

async function copyProject(): Promise<void> {
  const { stdout } = spawnSync('git', [
    'ls-files',
    '-z',
    '--cached',
    '--others',
    '--exclude-standard',
  ])
  const files = stdout.toString().split('\0').filter(Boolean)
  for (const file of files) await cp(file, join(copy, file))
  await symlink(join(process.cwd(), 'node_modules'), join(copy, 'node_modules'))
  await cp('.cache', join(copy, '.cache'), { recursive: true }).catch(() => {})
}

/** Whether the tests fail with the change. */
async function testMutant({ file, from, to, project, tests }: Mutant): Promise<boolean> {
  const path = join(copy, file)
  const source = await readFile(path, 'utf8')
  if (source.split(from).length !== 2) throw new Error(`${file} must contain once: ${from}`)
  await writeFile(
    path,
    source.replace(from, () => to),
  )
  try {
    const { status, stdout, stderr } = spawnSync(
      'vitest',
      ['run', '--project', project, '--bail', '1', ...tests],
      { cwd: copy, encoding: 'utf8' },
    )
    if (status === 0) return false
    // A run that could not start proves nothing.
    const failed = /^(\d+) passed, (\d+) failed/m.exec(stdout)
    if (failed === null) throw new Error(`The tests did not run:\n${stdout}${stderr}`)
    return Number(failed[2]) > 0
  } finally {
    await writeFile(path, source)
  }
}
