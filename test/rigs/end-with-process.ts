import { spawn } from 'node:child_process'

/**
 * Ends a process when this one ends, even by SIGKILL: a shell waits for the end of a pipe that only this process holds.
 * @returns lets the process go; to be called once it has ended, before the system gives its id to another
 */
export function endWithThisProcess(pid: number): () => void {
  const watcher = spawn('/bin/sh', ['-c', 'read -r _; kill -9 "$1"', 'watcher', String(pid)], {
    // In a process group of its own, because Ctrl-C in the terminal reaches the whole group.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watcher.stdin.on('error', () => undefined)
  watcher.unref()
  return () => watcher.kill('SIGKILL')
}
