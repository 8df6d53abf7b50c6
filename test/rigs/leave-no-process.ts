import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { watchParent } from '../../scripts/dev/watch-parent.ts'

interface SystemProcess {
  id: number
  parent: number
  group: number
  /** Ended, but its parent has not asked how. */
  isZombie: boolean
}

/**
 * Ends this process when its parent ends; and when this process ends by a signal or by itself, ends all that it and its
 * children have started. Otherwise vitest kills its workers on a signal, and each workerd that they started goes on.
 *
 * Processes in a group of their own are left alone: those end by themselves when their parent does, and need the time.
 */
export function leaveNoProcess(): void {
  watchParent(() => process.kill(process.pid, 'SIGTERM'))
  process.once('exit', () => {
    for (const { id } of descendants()) end(id)
  })
}

function descendants(): SystemProcess[] {
  const all = listProcesses()
  const group = all.find(({ id }) => id === process.pid)?.group
  const childrenOf = (parent: number): SystemProcess[] =>
    all
      .filter((each) => each.parent === parent)
      .flatMap((child) => [child, ...childrenOf(child.id)])
  return childrenOf(process.pid).filter((each) => each.group === group && !each.isZombie)
}

function end(id: number): void {
  try {
    process.kill(id, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** Linux has them as files; a slim container has no `ps`. */
function listProcesses(): SystemProcess[] {
  if (process.platform === 'win32') return []
  if (process.platform !== 'linux') return parsePs(execFileSync('ps', ['-A', ...psColumns]))
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(readProcess)
}

const psColumns = ['-o', 'pid=,ppid=,pgid=,state=']

function parsePs(lines: Buffer): SystemProcess[] {
  return lines
    .toString()
    .trim()
    .split('\n')
    .map((line) => {
      const [id, parent, group, state] = line.trim().split(/\s+/)
      return toProcess(id, parent, group, state)
    })
}

/** Empty if it has ended since. */
function readProcess(id: string): SystemProcess[] {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8')
    // The name before it may contain spaces and parentheses.
    const [state, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return [toProcess(id, parent, group, state)]
  } catch {
    return []
  }
}

function toProcess(id = '', parent = '', group = '', state = ''): SystemProcess {
  return {
    id: Number(id),
    parent: Number(parent),
    group: Number(group),
    isZombie: state.startsWith('Z'),
  }
}
