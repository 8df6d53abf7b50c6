import { readdir, readFile } from 'node:fs/promises'

interface Source {
  path: string
  text: string
}

/** Sources of the Worker, without the widget's. */
export async function workerSources(): Promise<Source[]> {
  const paths = await readdir('src', { recursive: true })
  const wanted = paths.filter((path) => path.endsWith('.ts') && !path.startsWith('widget/'))
  return Promise.all(
    wanted.map(async (path) => ({ path, text: await readFile(`src/${path}`, 'utf8') })),
  )
}

const exportedFunction =
  /export (?:async )?(?:function (\w+)|const (\w+) =(?: async)?) ?(?:<[^()]*>)?\(\s*(?:\w+|\{[^}]*\}): Database\b/g

/**
 * The functions with which the Worker calls the database: functions of src/db that take `db` first and that a source
 * outside src/db uses. Functions that only src/db uses are part of these calls.
 */
export async function databaseFunctions(): Promise<string[]> {
  const sources = await workerSources()
  const others = sources.filter(({ path }) => !path.startsWith('db/'))
  const names = sources
    .filter(({ path }) => path.startsWith('db/'))
    .flatMap(({ text }) => [...text.matchAll(exportedFunction)])
    .map(([, name, constant]) => name ?? constant ?? '')
  return names.filter((name) => others.some(({ text }) => new RegExp(`\\b${name}\\b`).test(text)))
}
