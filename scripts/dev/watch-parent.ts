import { readFileSync } from 'node:fs'

const intervalMs = 500

/**
 * Calls `onGone` when the parent of this process has ended. A SIGTERM to npm alone ends npm and its shell, but not the
 * script that they run.
 */
export function watchParent(onGone: () => void): void {
  const parents = parentIds()
  const timer = setInterval(() => {
    if (parentIds() === parents) return
    clearInterval(timer)
    onGone()
  }, intervalMs).unref()
}

/** The parent and, if npm's shell is the parent, npm too: a shell that waits outlives npm. */
function parentIds(): string {
  const parent = process.ppid
  if (process.env['npm_lifecycle_event'] === undefined) return `${parent}`
  try {
    const stat = readFileSync(`/proc/${parent}/stat`, 'utf8')
    const [, name = '', grandparent = ''] = /\((.*)\) \S (\d+)/s.exec(stat) ?? []
    return /^(ba|da)?sh$/.test(name) ? `${parent} ${grandparent}` : `${parent}`
  } catch {
    return `${parent}`
  }
}
